/* Files that are written whole or not at all. */
#include "gost.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LIMIT (1 << 20) /* bytes */

bool file_read(const char *path, unsigned char **content, size_t *size) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0)
        return false;
    *content = NULL;
    bool good = fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= FILE_LIMIT;
    if (good)
        *content = malloc((size_t)status.st_size + 1);
    good = good && *content;
    for (*size = 0; good && *size < (size_t)status.st_size;) {
        ssize_t part = read(file, *content + *size, (size_t)status.st_size - *size);
        good = part > 0;
        *size += good ? (size_t)part : 0;
    }
    close(file);
    if (good)
        (*content)[*size] = 0;
    else
        free(*content);
    return good;
}

bool file_write(const char *path, const void *content, size_t size) {
    char temporary[4096];
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.%ld.new", path, (long)getpid()) >= sizeof temporary)
        return false;
    int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return false;
    bool good = true;
    for (size_t written = 0; good && written < size;) {
        ssize_t part = write(file, (const char *)content + written, size - written);
        good = part > 0;
        written += good ? (size_t)part : 0;
    }
    good = close(file) == 0 && good && rename(temporary, path) == 0;
    if (!good)
        unlink(temporary);
    return good;
}

int folder_lock(const char *path) {
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0 && flock(folder, LOCK_EX) != 0) {
        close(folder);
        return -1;
    }
    return folder;
}
