/* C_Digest... and C_GenerateRandom. */
#include "gost.h"

#include <limits.h>
#include <openssl/rand.h>
#include <string.h>

ENTRY(C_DigestInit, (CK_SESSION_HANDLE handle, CK_MECHANISM *given), (handle, given)) {
    struct session *session;
    if (!given)
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = session_of(handle, &session);
    if (rv != CKR_OK)
        return rv;
    if (session->digest.mechanism)
        return CKR_OPERATION_ACTIVE;
    const struct mechanism *mechanism = mechanism_of(session->slot, given->mechanism);
    if (!mechanism || !(mechanism->flags & CKF_DIGEST))
        return CKR_MECHANISM_INVALID;
    rv = mechanism_parameter_check(mechanism, given);
    if (rv == CKR_OK && gcry_md_open(&session->digest.hash, mechanism->hash, 0) != 0)
        rv = CKR_DEVICE_ERROR;
    if (rv == CKR_OK)
        session->digest.mechanism = mechanism;
    return rv;
}

/* The digest of what was written and of `data`; ends the operation where it gives one. */
static CK_RV give(struct session *session, const CK_BYTE *data, CK_ULONG size, CK_BYTE *digest, CK_ULONG *room) {
    struct operation *operation = &session->digest;
    CK_ULONG wanted = gcry_md_get_algo_dlen(operation->mechanism->hash);
    bool enough = digest && *room >= wanted;
    *room = wanted;
    if (!enough)
        return digest ? CKR_BUFFER_TOO_SMALL : CKR_OK;
    if (size)
        gcry_md_write(operation->hash, data, size);
    memcpy(digest, gcry_md_read(operation->hash, operation->mechanism->hash), wanted);
    operation_end(operation);
    return CKR_OK;
}

ENTRY(
    C_Digest, (CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG size, CK_BYTE *digest, CK_ULONG *room),
    (handle, data, size, digest, room)
) {
    struct session *session;
    CK_RV rv = session_of(handle, &session);
    if (rv != CKR_OK)
        return rv;
    if (!session->digest.mechanism)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (room && (!size || data) && !session->digest.updated)
        return give(session, data, size, digest, room);
    rv = session->digest.updated ? CKR_OPERATION_ACTIVE : CKR_ARGUMENTS_BAD;
    operation_end(&session->digest);
    return rv;
}

ENTRY(C_DigestUpdate, (CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG size), (handle, part, size)) {
    struct session *session;
    CK_RV rv = session_of(handle, &session);
    if (rv != CKR_OK)
        return rv;
    if (!session->digest.mechanism)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (size && !part) {
        operation_end(&session->digest);
        return CKR_ARGUMENTS_BAD;
    }
    if (size)
        gcry_md_write(session->digest.hash, part, size);
    session->digest.updated = true;
    return CKR_OK;
}

ENTRY(C_DigestFinal, (CK_SESSION_HANDLE handle, CK_BYTE *digest, CK_ULONG *room), (handle, digest, room)) {
    struct session *session;
    CK_RV rv = session_of(handle, &session);
    if (rv != CKR_OK)
        return rv;
    if (!session->digest.mechanism)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (room)
        return give(session, NULL, 0, digest, room);
    operation_end(&session->digest);
    return CKR_ARGUMENTS_BAD;
}

ENTRY(C_GenerateRandom, (CK_SESSION_HANDLE handle, CK_BYTE *random, CK_ULONG size), (handle, random, size)) {
    struct session *session;
    if (!random && size)
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = session_of(handle, &session);
    if (rv != CKR_OK)
        return rv;
    return size <= INT_MAX && RAND_bytes_ex(library_context(), random, size, 0) == 1 ? CKR_OK : CKR_DEVICE_ERROR;
}
