/* C_Sign..., C_Verify... */
#include "gost.h"

#include <openssl/err.h>
#include <string.h>

struct way { /* signing or verifying */
    CK_FLAGS flag;
    CK_OBJECT_CLASS class;
    CK_ATTRIBUTE_TYPE permission;
};
static const struct way signing = {CKF_SIGN, CKO_PRIVATE_KEY, CKA_SIGN};
static const struct way verifying = {CKF_VERIFY, CKO_PUBLIC_KEY, CKA_VERIFY};

static bool is_allowed(const struct attributes *key, CK_MECHANISM_TYPE type) {
    const CK_ATTRIBUTE *allowed = attribute_in(key, CKA_ALLOWED_MECHANISMS);
    CK_ULONG count = allowed ? allowed->ulValueLen / sizeof type : 0;
    for (CK_ULONG place = 0; place < count; place++)
        if (((const CK_MECHANISM_TYPE *)allowed->pValue)[place] == type)
            return true;
    return !allowed;
}

static CK_RV check_key(const struct attributes *key, const struct mechanism *mechanism, const struct way *way) {
    CK_OBJECT_CLASS class = number_in(key, CKA_CLASS);
    if (class != CKO_PRIVATE_KEY && class != CKO_PUBLIC_KEY)
        return CKR_KEY_HANDLE_INVALID;
    if (number_in(key, CKA_KEY_TYPE) != mechanism->key || class != way->class)
        return CKR_KEY_TYPE_INCONSISTENT;
    return flag_in(key, way->permission) ? CKR_OK : CKR_KEY_FUNCTION_NOT_PERMITTED;
}

static CK_RV begin(
    CK_SESSION_HANDLE handle, const CK_MECHANISM *given, CK_OBJECT_HANDLE which, const struct way *way,
    struct session **session, struct operation *begun
) {
    if (!given)
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = session_of(handle, session);
    if (rv != CKR_OK)
        return rv;
    const struct operation *now = way == &signing ? &(*session)->sign : &(*session)->verify;
    const struct mechanism *mechanism = mechanism_of((*session)->slot, given->mechanism);
    if (now->mechanism)
        return CKR_OPERATION_ACTIVE;
    if (!mechanism || !(mechanism->flags & way->flag))
        return CKR_MECHANISM_INVALID;
    const struct object *key = object_of(*session, which);
    if (!key)
        return CKR_KEY_HANDLE_INVALID;
    rv = mechanism_parameter_check(mechanism, given);
    if (rv == CKR_OK)
        rv = check_key(&key->attributes, mechanism, way);
    if (rv == CKR_OK && !is_allowed(&key->attributes, mechanism->type))
        rv = CKR_MECHANISM_INVALID;
    *begun = (struct operation){.mechanism = mechanism, .key = which};
    begun->login_wanted = way == &signing && flag_in(&key->attributes, CKA_ALWAYS_AUTHENTICATE);
    if (rv == CKR_OK && mechanism->hash && gcry_md_open(&begun->hash, mechanism->hash, 0) != 0)
        rv = CKR_DEVICE_ERROR;
    return rv;
}

ENTRY(C_SignInit, (CK_SESSION_HANDLE handle, CK_MECHANISM *given, CK_OBJECT_HANDLE key), (handle, given, key)) {
    struct session *session;
    struct operation begun;
    CK_RV rv = begin(handle, given, key, &signing, &session, &begun);
    if (rv == CKR_OK)
        session->sign = begun;
    return rv;
}

ENTRY(C_VerifyInit, (CK_SESSION_HANDLE handle, CK_MECHANISM *given, CK_OBJECT_HANDLE key), (handle, given, key)) {
    struct session *session;
    struct operation begun;
    CK_RV rv = begin(handle, given, key, &verifying, &session, &begun);
    if (rv == CKR_OK)
        session->verify = begun;
    return rv;
}

static CK_RV check_size(const struct mechanism *mechanism, CK_ULONG size) {
    if (mechanism->data_size)
        return size == mechanism->data_size ? CKR_OK : CKR_DATA_LEN_RANGE;
    return mechanism->hash || (size && size <= SIGNATURE_LIMIT) ? CKR_OK : CKR_DATA_LEN_RANGE;
}

static void reverse(unsigned char *octets, size_t size) {
    for (size_t place = 0; place < size / 2; place++) {
        unsigned char kept = octets[place];
        octets[place] = octets[size - 1 - place];
        octets[size - 1 - place] = kept;
    }
}

/* Vendors' orders of octets; those of keys other than GOST never differed. */
static void reorder(const struct session *session, const struct mechanism *mechanism, unsigned char *signature, CK_ULONG size) {
    struct options options;
    if (mechanism->key != CKK_GOSTR3410 && mechanism->key != CKK_GOSTR3410_512)
        return;
    options_read(session->slot, &options);
    if (options.signature_order == REVERSED)
        reverse(signature, size);
    if (options.signature_order == SWAPPED) {
        unsigned char half[GOST_LIMIT];
        memcpy(half, signature, size / 2);
        memmove(signature, signature + size / 2, size / 2);
        memcpy(signature + size / 2, half, size / 2);
    }
}

/* What the key works on: the digest of all data of the operation, or the data. `digest` has room for any. */
static const unsigned char *to_work_on(
    const struct session *session, struct operation *operation, const CK_BYTE *data, CK_ULONG *size, unsigned char *digest
) {
    const struct mechanism *mechanism = operation->mechanism;
    struct options options;
    if (mechanism->hash) {
        if (data)
            gcry_md_write(operation->hash, data, *size);
        *size = gcry_md_get_algo_dlen(mechanism->hash);
        memcpy(digest, gcry_md_read(operation->hash, mechanism->hash), *size);
        return digest;
    }
    options_read(session->slot, &options);
    if (!mechanism->data_size || options.digest_order == STANDARD)
        return data;
    CK_ULONG half = options.digest_order == SWAPPED ? *size / 2 : 0;
    memcpy(digest, data + half, *size - half);
    memcpy(digest + *size - half, data, half);
    if (options.digest_order == REVERSED)
        reverse(digest, *size);
    return digest;
}

static CK_RV make(struct session *session, const CK_BYTE *data, CK_ULONG size, CK_BYTE *signature, CK_ULONG *room) {
    struct operation *operation = &session->sign;
    const struct object *key = object_of(session, operation->key);
    const struct family *family = family_of(operation->mechanism->key);
    unsigned char digest[64], made[SIGNATURE_LIMIT];
    if (!key)
        return CKR_KEY_HANDLE_INVALID;
    CK_ULONG wanted = family->signature_size(&key->attributes);
    bool enough = signature && *room >= wanted;
    *room = wanted;
    if (!enough)
        return signature ? CKR_BUFFER_TOO_SMALL : CKR_OK;
    if (operation->login_wanted)
        return CKR_USER_NOT_LOGGED_IN;
    data = to_work_on(session, operation, data, &size, digest);
    ERR_set_mark();
    CK_RV rv = family->sign(&key->attributes, operation->mechanism->hash, data, size, made);
    ERR_pop_to_mark();
    reorder(session, operation->mechanism, made, wanted);
    if (rv == CKR_OK)
        memcpy(signature, made, wanted);
    return rv;
}

/* A question for the size and a buffer too small leave the operation as it is; everything else ends it. */
static CK_RV finish(struct session *session, CK_RV rv, const CK_BYTE *signature) {
    if (rv != CKR_BUFFER_TOO_SMALL && !(rv == CKR_OK && !signature))
        operation_end(&session->sign);
    return rv;
}

ENTRY(
    C_Sign, (CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG size, CK_BYTE *signature, CK_ULONG *room),
    (handle, data, size, signature, room)
) {
    struct session *session;
    CK_RV rv = session_of(handle, &session);
    if (rv != CKR_OK)
        return rv;
    const struct mechanism *mechanism = session->sign.mechanism;
    if (!mechanism)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (!room || (size && !data))
        rv = CKR_ARGUMENTS_BAD;
    else if (session->sign.updated)
        rv = CKR_OPERATION_ACTIVE;
    else
        rv = signature ? check_size(mechanism, size) : CKR_OK;
    if (rv == CKR_OK)
        return finish(session, make(session, data, size, signature, room), signature);
    operation_end(&session->sign);
    return rv;
}

static CK_RV update(struct operation *operation, const CK_BYTE *part, CK_ULONG size) {
    CK_RV rv = CKR_OK;
    if (!operation->mechanism)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (size && !part)
        rv = CKR_ARGUMENTS_BAD;
    else if (!operation->hash)
        rv = CKR_FUNCTION_NOT_SUPPORTED; /* the mechanism takes its data in one piece */
    else if (operation->login_wanted)
        rv = CKR_USER_NOT_LOGGED_IN;
    if (rv != CKR_OK) {
        operation_end(operation);
        return rv;
    }
    if (size)
        gcry_md_write(operation->hash, part, size);
    operation->updated = true;
    return CKR_OK;
}

ENTRY(C_SignUpdate, (CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG size), (handle, part, size)) {
    struct session *session;
    CK_RV rv = session_of(handle, &session);
    return rv == CKR_OK ? update(&session->sign, part, size) : rv;
}

ENTRY(C_SignFinal, (CK_SESSION_HANDLE handle, CK_BYTE *signature, CK_ULONG *room), (handle, signature, room)) {
    struct session *session;
    CK_RV rv = session_of(handle, &session);
    if (rv != CKR_OK)
        return rv;
    if (!session->sign.mechanism)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (!room)
        rv = CKR_ARGUMENTS_BAD;
    else if (!session->sign.hash)
        rv = CKR_FUNCTION_NOT_SUPPORTED;
    else
        return finish(session, make(session, NULL, 0, signature, room), signature);
    operation_end(&session->sign);
    return rv;
}

static CK_RV judge(struct session *session, const CK_BYTE *data, CK_ULONG size, const CK_BYTE *signature, CK_ULONG length) {
    struct operation *operation = &session->verify;
    const struct object *key = object_of(session, operation->key);
    const struct family *family = family_of(operation->mechanism->key);
    unsigned char digest[64], ordered[SIGNATURE_LIMIT];
    if (!signature)
        return CKR_ARGUMENTS_BAD;
    if (!key)
        return CKR_KEY_HANDLE_INVALID;
    if (length != family->signature_size(&key->attributes))
        return CKR_SIGNATURE_LEN_RANGE;
    memcpy(ordered, signature, length);
    reorder(session, operation->mechanism, ordered, length); /* both orders undo themselves */
    data = to_work_on(session, operation, data, &size, digest);
    ERR_set_mark();
    CK_RV rv = family->verify(&key->attributes, operation->mechanism->hash, data, size, ordered);
    ERR_pop_to_mark();
    return rv;
}

ENTRY(
    C_Verify, (CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG size, CK_BYTE *signature, CK_ULONG length),
    (handle, data, size, signature, length)
) {
    struct session *session;
    CK_RV rv = session_of(handle, &session);
    if (rv != CKR_OK)
        return rv;
    if (!session->verify.mechanism)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (size && !data)
        rv = CKR_ARGUMENTS_BAD;
    else if (session->verify.updated)
        rv = CKR_OPERATION_ACTIVE;
    else
        rv = check_size(session->verify.mechanism, size);
    if (rv == CKR_OK)
        rv = judge(session, data, size, signature, length);
    operation_end(&session->verify);
    return rv;
}

ENTRY(C_VerifyUpdate, (CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG size), (handle, part, size)) {
    struct session *session;
    CK_RV rv = session_of(handle, &session);
    return rv == CKR_OK ? update(&session->verify, part, size) : rv;
}

ENTRY(C_VerifyFinal, (CK_SESSION_HANDLE handle, CK_BYTE *signature, CK_ULONG length), (handle, signature, length)) {
    struct session *session;
    CK_RV rv = session_of(handle, &session);
    if (rv != CKR_OK)
        return rv;
    if (!session->verify.mechanism)
        return CKR_OPERATION_NOT_INITIALIZED;
    rv = session->verify.hash ? judge(session, NULL, 0, signature, length) : CKR_FUNCTION_NOT_SUPPORTED;
    operation_end(&session->verify);
    return rv;
}
