/* Tokens that a program finds when it starts, while another one logs in and out: starting MODULE LABEL COUNT
 *
 * The PIN is the first line of standard input. How often the module showed fewer tokens than at first is printed.
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static CK_FUNCTION_LIST *module;

static CK_ULONG tokens(CK_SLOT_ID *slots) {
    CK_ULONG count = 64;
    if (module->C_Initialize(NULL) || module->C_GetSlotList(CK_TRUE, slots, &count))
        exit(1);
    return count;
}

static void log_in_for_ever(const char *label, char *pin) {
    CK_SLOT_ID slots[64];
    CK_TOKEN_INFO info;
    CK_SESSION_HANDLE session;
    CK_ULONG count = tokens(slots), place = 0;
    while (place < count && (module->C_GetTokenInfo(slots[place], &info) ||
                             strncmp((const char *)info.label, label, strlen(label))))
        place++;
    if (place == count || module->C_OpenSession(slots[place], CKF_SERIAL_SESSION, NULL, NULL, &session))
        exit(1);
    while (!module->C_Login(session, CKU_USER, (CK_UTF8CHAR *)pin, strlen(pin)))
        module->C_Logout(session);
    exit(1);
}

int main(int count, char **words) {
    CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
    char pin[128];
    if (count != 4 || !fgets(pin, sizeof pin, stdin))
        return 64;
    pin[strcspn(pin, "\r\n")] = 0;
    void *library = dlopen(words[1], RTLD_NOW);
    if (library)
        *(void **)&get = dlsym(library, "C_GetFunctionList");
    if (!get || get(&module))
        return 1;
    CK_SLOT_ID slots[64];
    CK_ULONG usual = tokens(slots);
    module->C_Finalize(NULL);
    pid_t other = fork();
    if (!other)
        log_in_for_ever(words[2], pin);
    long fewer = 0;
    for (long round = 0; round < atol(words[3]); round++) {
        fewer += tokens(slots) < usual;
        module->C_Finalize(NULL);
    }
    if (waitpid(other, NULL, WNOHANG)) /* it ended too early to disturb anybody */
        return 1;
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    printf("%ld\n", fewer);
    return 0;
}
