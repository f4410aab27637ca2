/* Signatures by a module and nothing else, to measure against: loop MODULE LABEL rsa|ec COUNT once|batch
 *
 * once: session, login, key, signature, logout, for each; batch: one session and one login for all. The PIN is the
 * first line of standard input; what one signature took, in microseconds, is printed.
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static CK_FUNCTION_LIST *module;
static CK_SLOT_ID slot;
static char pin[128];

static void must(CK_RV code, const char *call) {
    if (code != CKR_OK) {
        fprintf(stderr, "%s: 0x%lx\n", call, code);
        exit(1);
    }
}

static CK_SLOT_ID slot_of(const char *label) {
    CK_SLOT_ID slots[64];
    CK_ULONG count = 64;
    must(module->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
    for (CK_ULONG index = 0; index < count; index++) {
        CK_TOKEN_INFO info;
        must(module->C_GetTokenInfo(slots[index], &info), "C_GetTokenInfo");
        if (!strncmp((const char *)info.label, label, strlen(label)))
            return slots[index];
    }
    fprintf(stderr, "no token %s\n", label);
    exit(1);
}

static CK_SESSION_HANDLE logged_in(CK_OBJECT_HANDLE *key) {
    CK_SESSION_HANDLE session;
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted = {CKA_CLASS, &class, sizeof class};
    CK_ULONG found = 0;
    must(module->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session), "C_OpenSession");
    must(module->C_Login(session, CKU_USER, (CK_UTF8CHAR *)pin, strlen(pin)), "C_Login");
    must(module->C_FindObjectsInit(session, &wanted, 1), "C_FindObjectsInit");
    must(module->C_FindObjects(session, key, 1, &found), "C_FindObjects");
    must(module->C_FindObjectsFinal(session), "C_FindObjectsFinal");
    return session;
}

static void sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, int rsa) {
    /* RSA signs a DigestInfo of SHA-256, EC a digest */
    CK_BYTE data[51] = {1}, signature[512];
    CK_ULONG size = sizeof signature;
    CK_MECHANISM mechanism = {rsa ? CKM_RSA_PKCS : CKM_ECDSA, NULL, 0};
    must(module->C_SignInit(session, &mechanism, key), "C_SignInit");
    must(module->C_Sign(session, data, rsa ? 51 : 32, signature, &size), "C_Sign");
}

int main(int count, char **words) {
    CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
    if (count != 6 || !fgets(pin, sizeof pin, stdin))
        return 64;
    pin[strcspn(pin, "\r\n")] = 0;
    void *library = dlopen(words[1], RTLD_NOW);
    if (library)
        *(void **)&get = dlsym(library, "C_GetFunctionList");
    if (!get)
        return 1;
    must(get(&module), "C_GetFunctionList");
    must(module->C_Initialize(NULL), "C_Initialize");
    slot = slot_of(words[2]);
    int rsa = !strcmp(words[3], "rsa"), batch = !strcmp(words[5], "batch");
    long rounds = atol(words[4]);
    CK_OBJECT_HANDLE key;
    CK_SESSION_HANDLE session = 0;
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    if (batch)
        session = logged_in(&key);
    for (long round = 0; round < rounds; round++) {
        if (!batch)
            session = logged_in(&key);
        sign(session, key, rsa);
        if (!batch) {
            must(module->C_Logout(session), "C_Logout");
            must(module->C_CloseSession(session), "C_CloseSession");
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    double spent = (double)(end.tv_sec - begin.tv_sec) * 1e6 + (double)(end.tv_nsec - begin.tv_nsec) / 1e3;
    printf("%.1f\n", spent / (double)rounds);
    return 0;
}
