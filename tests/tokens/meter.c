/* A PKCS#11 module that stands in front of another and adds up how long that one works.
 *
 * PERO_METER_MODULE  path of the real module
 * PERO_METER_FILE    file of one row for each function, in the order of CK_FUNCTION_LIST: calls, nanoseconds, and
 *                    nanoseconds of processor time; 64-bit integers in the machine's byte order. Whoever reads it maps or reads it at any time: a
 *                    call is added when it returns. Without it nothing is added up.
 *
 * A call is timed by CLOCK_MONOTONIC and CLOCK_THREAD_CPUTIME_ID, around the real function and nothing else; what the
 * clocks themselves cost (less than a microsecond a call) is counted as ours. Every argument of a PKCS#11 v2.40 call is an integer or a pointer of register
 * size and there are at most eight of them, so all functions are passed on alike.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

typedef unsigned long CK_RV;
typedef uintptr_t word;
typedef CK_RV (*call)(word, word, word, word, word, word, word, word);

#define CKR_OK 0UL
#define CKR_GENERAL_ERROR 5UL
#define FUNCTIONS 68

struct function_list {
    unsigned char version[2];
    call function[FUNCTIONS];
};

struct row {
    uint64_t calls, nanoseconds, processor;
};

static struct function_list *real, ours;
static struct row *rows;

static uint64_t now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static CK_RV timed(int place, word a, word b, word c, word d, word e, word f, word g, word h) {
    uint64_t processor = now(CLOCK_THREAD_CPUTIME_ID), begin = now(CLOCK_MONOTONIC);
    CK_RV result = real->function[place](a, b, c, d, e, f, g, h);
    if (rows) {
        __atomic_add_fetch(&rows[place].nanoseconds, now(CLOCK_MONOTONIC) - begin, __ATOMIC_RELAXED);
        __atomic_add_fetch(&rows[place].processor, now(CLOCK_THREAD_CPUTIME_ID) - processor, __ATOMIC_RELAXED);
        __atomic_add_fetch(&rows[place].calls, 1, __ATOMIC_RELEASE);
    }
    return result;
}

#define EVERY(ROW) \
    ROW(0) ROW(1) ROW(2) ROW(3) ROW(4) ROW(5) ROW(6) ROW(7) ROW(8) ROW(9) ROW(10) ROW(11) ROW(12) ROW(13) ROW(14) \
    ROW(15) ROW(16) ROW(17) ROW(18) ROW(19) ROW(20) ROW(21) ROW(22) ROW(23) ROW(24) ROW(25) ROW(26) ROW(27) ROW(28) \
    ROW(29) ROW(30) ROW(31) ROW(32) ROW(33) ROW(34) ROW(35) ROW(36) ROW(37) ROW(38) ROW(39) ROW(40) ROW(41) ROW(42) \
    ROW(43) ROW(44) ROW(45) ROW(46) ROW(47) ROW(48) ROW(49) ROW(50) ROW(51) ROW(52) ROW(53) ROW(54) ROW(55) ROW(56) \
    ROW(57) ROW(58) ROW(59) ROW(60) ROW(61) ROW(62) ROW(63) ROW(64) ROW(65) ROW(66) ROW(67)

#define WRAPPER(PLACE) \
    static CK_RV timed_##PLACE(word a, word b, word c, word d, word e, word f, word g, word h) { \
        return timed(PLACE, a, b, c, d, e, f, g, h); \
    }
EVERY(WRAPPER)

#define NAME_OF_WRAPPER(PLACE) timed_##PLACE,
static const call wrappers[FUNCTIONS] = {EVERY(NAME_OF_WRAPPER)};

static struct row *map_rows(void) {
    const char *path = getenv("PERO_METER_FILE");
    int file = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (file < 0)
        return NULL;
    void *mapped = MAP_FAILED;
    if (ftruncate(file, FUNCTIONS * sizeof(struct row)) == 0)
        mapped = mmap(NULL, FUNCTIONS * sizeof(struct row), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return mapped == MAP_FAILED ? NULL : mapped;
}

CK_RV C_GetFunctionList(struct function_list **list) {
    if (!real) {
        const char *path = getenv("PERO_METER_MODULE");
        void *module = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
        CK_RV (*get)(struct function_list **) = NULL;
        if (module)
            *(void **)&get = dlsym(module, "C_GetFunctionList");
        if (!get || get(&real) != CKR_OK)
            return CKR_GENERAL_ERROR;
        rows = map_rows();
        ours = *real;
        for (int place = 0; place < FUNCTIONS; place++)
            if (real->function[place])
                ours.function[place] = wrappers[place];
    }
    *list = &ours;
    return CKR_OK;
}
