/* A PKCS#11 module that stands in front of another and misbehaves where it is told to.
 *
 * PERO_FAULT_MODULE  path of the real module
 * PERO_FAULT_FILE    file that is read at each call; a missing one means no fault. One fault a line:
 *                      C_Sign hang             never return
 *                      C_Sign sleep 200        first wait so many milliseconds
 *                      C_Sign until            first wait until there is a file of that name with .go behind it
 *                      C_Sign#2 crash          only at the second C_Sign after C_Login
 *                      C_Sign crash            write to address 0
 *                      C_Sign abort            abort(3)
 *                      C_Sign exit 7           exit(3)
 *                      C_Sign rv 0x30          return this code instead of asking the real module
 *                      C_Sign after 0x30       ask the real module, then return this code all the same
 *                      C_Sign die              ask the real module, then write to address 0
 *                      C_Sign print            print rubbish on standard output and standard error
 *                      C_Sign lie 1000         add so much to the length that the call answers with
 *                      C_Sign fork             leave a child process behind that never ends
 *                      C_Sign leak 64          lose so many MiB of memory
 *                      token gone              from now on no slot has a token, and no session lives
 *                      C_GetTokenInfo set 0x40000      set bits in the flags of CK_TOKEN_INFO
 *                      C_GetTokenInfo clear 0x8        clear bits in them
 *                      C_GetTokenInfo pin 6 8          shortest and longest PIN
 * PERO_FAULT_LOG     file that gets a line with the name of each call when it begins
 *
 * The declarations are those of PKCS#11 v2.40, section 3 and appendix, as far as they are needed: every argument of a
 * wrapped call is an integer or a pointer of register size, and there are eight at most.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long CK_RV;
typedef uintptr_t word;
typedef CK_RV (*call)(word, word, word, word, word, word, word, word);

#define CKR_OK 0UL
#define CKR_GENERAL_ERROR 5UL
#define CKR_SESSION_HANDLE_INVALID 0xB3UL
#define CKR_TOKEN_NOT_PRESENT 0xE0UL
#define FUNCTIONS 68

struct function_list {
    unsigned char version[2];
    call function[FUNCTIONS];
};

struct attribute {
    unsigned long type;
    void *value;
    unsigned long length;
};

struct token_info {
    unsigned char label[32], manufacturer[32], model[16], serial[16];
    unsigned long flags, max_sessions, sessions, max_rw_sessions, rw_sessions, max_pin, min_pin;
    /* more, which is left alone */
};

static struct function_list *real, ours;
static int logins; /* so far */

static void log_call(const char *name) {
    const char *path = getenv("PERO_FAULT_LOG");
    if (!path)
        return;
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0)
        return;
    char line[64];
    int size = snprintf(line, sizeof line, "%s\n", name);
    if (write(file, line, (size_t)size) != size)
        abort();
    close(file);
}

static void hang(void) {
    for (;;)
        pause();
}

static void crash(void) {
    signal(SIGSEGV, SIG_DFL);
    *(volatile int *)0 = 1;
}

static void print_rubbish(void) {
    static const char rubbish[] = "\xff\xff\xff\xff{\"type\":\"Done\"} rubbish\n";
    for (int round = 0; round < 100; round++) {
        if (write(1, rubbish, sizeof rubbish) < 0 || write(2, rubbish, sizeof rubbish) < 0)
            abort();
    }
    printf("rubbish %s\n", rubbish);
    fflush(stdout);
}

/* The test goes on when it has made the file. */
static void wait_for_go(void) {
    char path[4096];
    snprintf(path, sizeof path, "%s.go", getenv("PERO_FAULT_FILE"));
    while (access(path, F_OK))
        usleep(2000);
}

/* A helper process of the vendor's, which stays when the module is gone. */
static void leave_a_child(void) {
    if (fork() == 0)
        hang();
}

/* Kept where the compiler cannot see that nobody needs it. */
static void leak(unsigned long mebibytes) {
    static char *volatile lost;
    lost = malloc(mebibytes << 20);
    if (lost)
        memset(lost, 1, mebibytes << 20);
}

static void change_token_info(const char *fault, unsigned long first, unsigned long second, struct token_info *info) {
    if (!strcmp(fault, "set"))
        info->flags |= first;
    else if (!strcmp(fault, "clear"))
        info->flags &= ~first;
    else if (!strcmp(fault, "pin"))
        info->min_pin = first, info->max_pin = second;
}

/* Where a call answers with a length: the argument that points to it. Attributes have one each: the first's. */
static unsigned long *length_in(const char *name, const word *arguments) {
    static const struct { const char *name; int place; } answers[] = {
        {"C_GetSlotList", 2}, {"C_GetMechanismList", 2}, {"C_FindObjects", 3}, {"C_Sign", 4},
    };
    if (!strcmp(name, "C_GetAttributeValue") && arguments[3])
        return &((struct attribute *)arguments[2])->length;
    for (size_t index = 0; index < sizeof answers / sizeof *answers; index++)
        if (!strcmp(name, answers[index].name))
            return (unsigned long *)arguments[answers[index].place];
    return NULL;
}

/* As of a token that was taken out: by the place of the call in CK_FUNCTION_LIST. */
static CK_RV answer_when_gone(int place) {
    if (place < 6 || place == 13 || place == 14)
        return CKR_OK;
    return place <= 12 ? CKR_TOKEN_NOT_PRESENT : CKR_SESSION_HANDLE_INVALID;
}

static int token_is_gone(void) {
    const char *path = getenv("PERO_FAULT_FILE");
    FILE *file = path ? fopen(path, "re") : NULL;
    char line[128];
    int gone = 0;
    while (file && fgets(line, sizeof line, file))
        gone |= !strncmp(line, "token gone", 10);
    if (file)
        fclose(file);
    return gone;
}

/* "C_Sign" is every call of that name, "C_Sign#2" the second one. */
static int is_meant(const char *meant, const char *name, int round) {
    size_t size = strlen(name);
    return !strncmp(meant, name, size) && (!meant[size] || (meant[size] == '#' && atoi(meant + size + 1) == round));
}

/* What the file says about this call. `before`: the real module has not been asked yet. Nonzero: `*answer` holds. */
static int misbehave(const char *name, int round, int before, struct token_info *info, unsigned long *length, CK_RV *answer) {
    const char *path = getenv("PERO_FAULT_FILE");
    FILE *file = path ? fopen(path, "re") : NULL;
    char line[128], call_name[48], fault[16], first_word[24], second_word[24];
    int answered = 0;
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file)) {
        strcpy(first_word, "0"), strcpy(second_word, "0");
        if (sscanf(line, "%47s %15s %23s %23s", call_name, fault, first_word, second_word) < 2)
            continue;
        if (!is_meant(call_name, name, round))
            continue;
        unsigned long first = strtoul(first_word, NULL, 0), second = strtoul(second_word, NULL, 0);
        if (!before) {
            if (info)
                change_token_info(fault, first, second, info);
            if (length && !strcmp(fault, "lie"))
                *length += first;
            if (!strcmp(fault, "die"))
                crash();
            if (!strcmp(fault, "after"))
                *answer = first, answered = 1;
        } else if (!strcmp(fault, "hang"))
            hang();
        else if (!strcmp(fault, "sleep"))
            usleep((useconds_t)first * 1000);
        else if (!strcmp(fault, "until"))
            wait_for_go();
        else if (!strcmp(fault, "crash"))
            crash();
        else if (!strcmp(fault, "abort"))
            abort();
        else if (!strcmp(fault, "exit"))
            exit((int)first);
        else if (!strcmp(fault, "print"))
            print_rubbish();
        else if (!strcmp(fault, "fork"))
            leave_a_child();
        else if (!strcmp(fault, "leak"))
            leak(first);
        else if (!strcmp(fault, "rv"))
            *answer = first, answered = 1;
    }
    fclose(file);
    return answered;
}

/* Name and place in CK_FUNCTION_LIST (PKCS#11 v2.40 section 5); all but C_GetFunctionList. */
#define WRAPPED(ROW) \
    ROW(C_Initialize, 0) ROW(C_Finalize, 1) ROW(C_GetInfo, 2) ROW(C_GetSlotList, 4) ROW(C_GetSlotInfo, 5) \
    ROW(C_GetTokenInfo, 6) ROW(C_GetMechanismList, 7) ROW(C_GetMechanismInfo, 8) ROW(C_InitToken, 9) \
    ROW(C_InitPIN, 10) ROW(C_SetPIN, 11) ROW(C_OpenSession, 12) ROW(C_CloseSession, 13) ROW(C_CloseAllSessions, 14) \
    ROW(C_GetSessionInfo, 15) ROW(C_GetOperationState, 16) ROW(C_SetOperationState, 17) ROW(C_Login, 18) \
    ROW(C_Logout, 19) ROW(C_CreateObject, 20) ROW(C_CopyObject, 21) ROW(C_DestroyObject, 22) \
    ROW(C_GetObjectSize, 23) ROW(C_GetAttributeValue, 24) ROW(C_SetAttributeValue, 25) ROW(C_FindObjectsInit, 26) \
    ROW(C_FindObjects, 27) ROW(C_FindObjectsFinal, 28) ROW(C_EncryptInit, 29) ROW(C_Encrypt, 30) \
    ROW(C_EncryptUpdate, 31) ROW(C_EncryptFinal, 32) ROW(C_DecryptInit, 33) ROW(C_Decrypt, 34) \
    ROW(C_DecryptUpdate, 35) ROW(C_DecryptFinal, 36) ROW(C_DigestInit, 37) ROW(C_Digest, 38) ROW(C_DigestUpdate, 39) \
    ROW(C_DigestKey, 40) ROW(C_DigestFinal, 41) ROW(C_SignInit, 42) ROW(C_Sign, 43) ROW(C_SignUpdate, 44) \
    ROW(C_SignFinal, 45) ROW(C_SignRecoverInit, 46) ROW(C_SignRecover, 47) ROW(C_VerifyInit, 48) ROW(C_Verify, 49) \
    ROW(C_VerifyUpdate, 50) ROW(C_VerifyFinal, 51) ROW(C_VerifyRecoverInit, 52) ROW(C_VerifyRecover, 53) \
    ROW(C_DigestEncryptUpdate, 54) ROW(C_DecryptDigestUpdate, 55) ROW(C_SignEncryptUpdate, 56) \
    ROW(C_DecryptVerifyUpdate, 57) ROW(C_GenerateKey, 58) ROW(C_GenerateKeyPair, 59) ROW(C_WrapKey, 60) \
    ROW(C_UnwrapKey, 61) ROW(C_DeriveKey, 62) ROW(C_SeedRandom, 63) ROW(C_GenerateRandom, 64) \
    ROW(C_GetFunctionStatus, 65) ROW(C_CancelFunction, 66) ROW(C_WaitForSlotEvent, 67)

#define WRAPPER(NAME, PLACE) \
    static CK_RV wrapped_##NAME(word a, word b, word c, word d, word e, word f, word g, word h) { \
        CK_RV answer; \
        static int login, rounds; \
        if (login != logins) \
            login = logins, rounds = 0; \
        int round = ++rounds; \
        logins += PLACE == 18; \
        log_call(#NAME); \
        if (misbehave(#NAME, round, 1, NULL, NULL, &answer)) \
            return answer; \
        if (PLACE >= 4 && token_is_gone()) { \
            if (PLACE == 4 && a) \
                *(unsigned long *)c = 0; \
            if ((PLACE == 4 && a) || answer_when_gone(PLACE) != CKR_OK) \
                return answer_when_gone(PLACE); \
        } \
        CK_RV result = real->function[PLACE](a, b, c, d, e, f, g, h); \
        struct token_info *info = PLACE == 6 && result == CKR_OK ? (struct token_info *)b : NULL; \
        const word arguments[] = {a, b, c, d, e}; \
        unsigned long *length = result == CKR_OK ? length_in(#NAME, arguments) : NULL; \
        return misbehave(#NAME, round, 0, info, length, &answer) ? answer : result; \
    }
WRAPPED(WRAPPER)

#define REPLACE(NAME, PLACE) ours.function[PLACE] = wrapped_##NAME;

CK_RV C_GetFunctionList(struct function_list **list) {
    if (!real) {
        const char *path = getenv("PERO_FAULT_MODULE");
        void *module = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
        CK_RV (*get)(struct function_list **) = NULL;
        if (module)
            *(void **)&get = dlsym(module, "C_GetFunctionList");
        if (!get || get(&real) != CKR_OK)
            return CKR_GENERAL_ERROR;
        ours = *real;
        WRAPPED(REPLACE)
    }
    *list = &ours;
    return CKR_OK;
}
