/* C_Initialize to C_GetFunctionList, and the lock that every other call holds. */
#include "gost.h"

#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pid_t owner; /* the process that initialised us, 0: none. A child of it begins anew. */
static OSSL_LIB_CTX *context;
static const char *call_under_way = "";

CK_RV enter(const char *call) {
    if (owner != getpid())
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    pthread_mutex_lock(&lock);
    if (owner != getpid()) {
        pthread_mutex_unlock(&lock);
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    }
    call_under_way = call;
    return CKR_OK;
}

void leave(void) {
    pthread_mutex_unlock(&lock);
}

const char *current_call(void) {
    return call_under_way;
}

OSSL_LIB_CTX *library_context(void) {
    return context;
}

static void libgcrypt_begin(void) {
    if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P))
        return;
    gcry_check_version(NULL);
    gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
}

static CK_RV check_arguments(const CK_C_INITIALIZE_ARGS *given) {
    if (!given)
        return CKR_OK;
    int functions = !!given->CreateMutex + !!given->DestroyMutex + !!given->LockMutex + !!given->UnlockMutex;
    if (given->pReserved || (functions != 0 && functions != 4))
        return CKR_ARGUMENTS_BAD;
    return functions && !(given->flags & CKF_OS_LOCKING_OK) ? CKR_CANT_LOCK : CKR_OK;
}

CK_RV C_Initialize(void *arguments) {
    if (owner == getpid())
        return CKR_CRYPTOKI_ALREADY_INITIALIZED;
    CK_RV rv = check_arguments(arguments);
    if (rv != CKR_OK)
        return rv;
    if (owner) { /* a child: what its parent had open is not its own, and a thread that held the lock is not here */
        pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
        lock = fresh;
        sessions_close(NULL);
        slots_end();
    }
    libgcrypt_begin();
    if (!context)
        context = OSSL_LIB_CTX_new();
    rv = context ? slots_begin() : CKR_HOST_MEMORY;
    if (rv == CKR_OK)
        owner = getpid();
    return rv;
}

CK_RV C_Finalize(void *reserved) {
    if (reserved)
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = enter("C_Finalize");
    if (rv != CKR_OK)
        return rv;
    sessions_close(NULL);
    slots_end();
    OSSL_LIB_CTX_free(context);
    context = NULL;
    owner = 0;
    leave();
    return CKR_OK;
}

ENTRY(C_GetInfo, (CK_INFO *info), (info)) {
    if (!info)
        return CKR_ARGUMENTS_BAD;
    memset(info, 0, sizeof *info);
    info->cryptokiVersion.major = 2;
    info->cryptokiVersion.minor = 40;
    info->libraryVersion.major = 1;
    memset(info->manufacturerID, ' ', sizeof info->manufacturerID);
    memcpy(info->manufacturerID, "Pero", 4);
    memset(info->libraryDescription, ' ', sizeof info->libraryDescription);
    memcpy(info->libraryDescription, "GOST token for tests", 20);
    return CKR_OK;
}

static CK_FUNCTION_LIST functions = {
    {2, 40}, C_Initialize, C_Finalize, C_GetInfo, C_GetFunctionList, C_GetSlotList, C_GetSlotInfo, C_GetTokenInfo,
    C_GetMechanismList, C_GetMechanismInfo, C_InitToken, C_InitPIN, C_SetPIN, C_OpenSession, C_CloseSession,
    C_CloseAllSessions, C_GetSessionInfo, C_GetOperationState, C_SetOperationState, C_Login, C_Logout, C_CreateObject,
    C_CopyObject, C_DestroyObject, C_GetObjectSize, C_GetAttributeValue, C_SetAttributeValue, C_FindObjectsInit,
    C_FindObjects, C_FindObjectsFinal, C_EncryptInit, C_Encrypt, C_EncryptUpdate, C_EncryptFinal, C_DecryptInit, C_Decrypt,
    C_DecryptUpdate, C_DecryptFinal, C_DigestInit, C_Digest, C_DigestUpdate, C_DigestKey, C_DigestFinal, C_SignInit, C_Sign,
    C_SignUpdate, C_SignFinal, C_SignRecoverInit, C_SignRecover, C_VerifyInit, C_Verify, C_VerifyUpdate, C_VerifyFinal,
    C_VerifyRecoverInit, C_VerifyRecover, C_DigestEncryptUpdate, C_DecryptDigestUpdate, C_SignEncryptUpdate,
    C_DecryptVerifyUpdate, C_GenerateKey, C_GenerateKeyPair, C_WrapKey, C_UnwrapKey, C_DeriveKey, C_SeedRandom,
    C_GenerateRandom, C_GetFunctionStatus, C_CancelFunction, C_WaitForSlotEvent,
};

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list) {
    if (!list)
        return CKR_ARGUMENTS_BAD;
    *list = &functions;
    return CKR_OK;
}
