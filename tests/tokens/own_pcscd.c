/* Preloaded into pcscd, so that it keeps its socket and pid file in a folder of a test's own.
 *
 * PERO_PCSCD_DIR  the folder that stands in for /run/pcscd, which is compiled into pcscd
 *
 * Every call that pcscd 1.9 to 2.3 makes with a path in that folder is passed on with the other path. Clients find the
 * socket through libpcsclite's own variable PCSCLITE_CSOCK_NAME.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define COMPILED_IN "/run/pcscd"
#define NEXT(NAME) ((__typeof__(&NAME))dlsym(RTLD_NEXT, #NAME))

static const char *moved(const char *path, char *buffer, size_t size) {
    const char *folder = getenv("PERO_PCSCD_DIR");
    if (!folder || !path || strncmp(path, COMPILED_IN, sizeof COMPILED_IN - 1))
        return path;
    if ((size_t)snprintf(buffer, size, "%s%s", folder, path + sizeof COMPILED_IN - 1) >= size)
        abort();
    return buffer;
}

#define MOVED(PATH) moved(PATH, buffer, sizeof buffer)

int bind(int descriptor, const struct sockaddr *address, socklen_t size) {
    struct sockaddr_un own;
    if (address->sa_family != AF_UNIX || size > sizeof own)
        return NEXT(bind)(descriptor, address, size);
    memset(&own, 0, sizeof own);
    memcpy(&own, address, size);
    char buffer[sizeof own.sun_path];
    const char *path = MOVED(own.sun_path);
    if (path == buffer)
        strcpy(own.sun_path, buffer);
    return NEXT(bind)(descriptor, (struct sockaddr *)&own, sizeof own);
}

#define OPEN(NAME) \
    int NAME(const char *path, int flags, ...) { \
        char buffer[256]; \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        return NEXT(NAME)(MOVED(path), flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define WITH_PATH(RESULT, NAME, SECOND, ARGUMENT) \
    RESULT NAME(const char *path SECOND) { \
        char buffer[256]; \
        return NEXT(NAME)(MOVED(path) ARGUMENT); \
    }
#define AND(TYPE) , TYPE second
#define ALSO , second
WITH_PATH(int, mkdir, AND(mode_t), ALSO)
WITH_PATH(int, chmod, AND(mode_t), ALSO)
WITH_PATH(int, stat, AND(struct stat *), ALSO)
WITH_PATH(int, unlink, , )
WITH_PATH(int, remove, , )
WITH_PATH(FILE *, fopen, AND(const char *), ALSO)
WITH_PATH(FILE *, fopen64, AND(const char *), ALSO)
