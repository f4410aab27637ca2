/* Calls that this token knows only by name. */
#include "gost.h"

static CK_RV answer(const char *call, CK_RV answer) {
    CK_RV rv = enter(call);
    if (rv == CKR_OK) {
        leave();
        rv = answer;
    }
    return rv;
}

#define UNSUPPORTED(NAME, ...) \
    CK_RV NAME(__VA_ARGS__) { \
        return answer(#NAME, CKR_FUNCTION_NOT_SUPPORTED); \
    }
#define UNUSED __attribute__((unused))
#define SESSION UNUSED CK_SESSION_HANDLE session
#define MECHANISM UNUSED CK_MECHANISM *mechanism
#define KEY UNUSED CK_OBJECT_HANDLE key
#define IN UNUSED CK_BYTE *in, UNUSED CK_ULONG in_size
#define OUT UNUSED CK_BYTE *out, UNUSED CK_ULONG *out_size
#define TEMPLATE UNUSED CK_ATTRIBUTE *template, UNUSED CK_ULONG count
#define NEW UNUSED CK_OBJECT_HANDLE *new

UNSUPPORTED(C_GetOperationState, SESSION, OUT)
UNSUPPORTED(C_SetOperationState, SESSION, IN, KEY, UNUSED CK_OBJECT_HANDLE other)
UNSUPPORTED(C_CopyObject, SESSION, KEY, TEMPLATE, NEW)
UNSUPPORTED(C_EncryptInit, SESSION, MECHANISM, KEY)
UNSUPPORTED(C_Encrypt, SESSION, IN, OUT)
UNSUPPORTED(C_EncryptUpdate, SESSION, IN, OUT)
UNSUPPORTED(C_EncryptFinal, SESSION, OUT)
UNSUPPORTED(C_DecryptInit, SESSION, MECHANISM, KEY)
UNSUPPORTED(C_Decrypt, SESSION, IN, OUT)
UNSUPPORTED(C_DecryptUpdate, SESSION, IN, OUT)
UNSUPPORTED(C_DecryptFinal, SESSION, OUT)
UNSUPPORTED(C_DigestKey, SESSION, KEY)
UNSUPPORTED(C_SignRecoverInit, SESSION, MECHANISM, KEY)
UNSUPPORTED(C_SignRecover, SESSION, IN, OUT)
UNSUPPORTED(C_VerifyRecoverInit, SESSION, MECHANISM, KEY)
UNSUPPORTED(C_VerifyRecover, SESSION, IN, OUT)
UNSUPPORTED(C_DigestEncryptUpdate, SESSION, IN, OUT)
UNSUPPORTED(C_DecryptDigestUpdate, SESSION, IN, OUT)
UNSUPPORTED(C_SignEncryptUpdate, SESSION, IN, OUT)
UNSUPPORTED(C_DecryptVerifyUpdate, SESSION, IN, OUT)
UNSUPPORTED(C_GenerateKey, SESSION, MECHANISM, TEMPLATE, NEW)
UNSUPPORTED(C_WrapKey, SESSION, MECHANISM, KEY, UNUSED CK_OBJECT_HANDLE other, OUT)
UNSUPPORTED(C_UnwrapKey, SESSION, MECHANISM, KEY, IN, TEMPLATE, NEW)
UNSUPPORTED(C_DeriveKey, SESSION, MECHANISM, KEY, TEMPLATE, NEW)

CK_RV C_SeedRandom(SESSION, IN) {
    return answer("C_SeedRandom", CKR_RANDOM_SEED_NOT_SUPPORTED);
}

CK_RV C_GetFunctionStatus(SESSION) {
    return answer("C_GetFunctionStatus", CKR_FUNCTION_NOT_PARALLEL);
}

CK_RV C_CancelFunction(SESSION) {
    return answer("C_CancelFunction", CKR_FUNCTION_NOT_PARALLEL);
}
