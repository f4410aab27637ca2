/* The table of mechanisms, C_GetMechanismList and C_GetMechanismInfo. */
#include "gost.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define RSA_WITH(HASH) CKK_RSA, HASH, 0, NULL, 2048, 4096
#define EC_WITH(HASH) CKK_EC, HASH, 0, NULL, 256, 384
#define GOST256_WITH(HASH, SIZE, OID) CKK_GOSTR3410, HASH, SIZE, OID, 256, 256
#define GOST512_WITH(HASH, SIZE, OID) CKK_GOSTR3410_512, HASH, SIZE, OID, 512, 512
#define HASHING(HASH, OID) NO_KEY, HASH, 0, OID, 0, 0
#define SIGNING (CKF_HW | CKF_SIGN | CKF_VERIFY)
#define MAKING (CKF_HW | CKF_GENERATE_KEY_PAIR)
#define DIGESTING (CKF_HW | CKF_DIGEST)
#define CURVES (CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS)

#define STREEBOG_256 "06082a85030701010202" /* 1.2.643.7.1.1.2.2 */
#define STREEBOG_512 "06082a85030701010203" /* 1.2.643.7.1.1.2.3 */
#define GOST_94 "06072a850302021e01"        /* 1.2.643.2.2.30.1 */

static const struct mechanism mechanisms[] = {
    {CKM_RSA_PKCS_KEY_PAIR_GEN, RSA_WITH(0), MAKING},
    {CKM_RSA_PKCS, RSA_WITH(0), SIGNING},
    {CKM_SHA256_RSA_PKCS, RSA_WITH(GCRY_MD_SHA256), SIGNING},
    {CKM_SHA384_RSA_PKCS, RSA_WITH(GCRY_MD_SHA384), SIGNING},
    {CKM_SHA512_RSA_PKCS, RSA_WITH(GCRY_MD_SHA512), SIGNING},
    {CKM_EC_KEY_PAIR_GEN, EC_WITH(0), MAKING | CURVES},
    {CKM_ECDSA, EC_WITH(0), SIGNING | CURVES},
    {CKM_ECDSA_SHA256, EC_WITH(GCRY_MD_SHA256), SIGNING | CURVES},
    {CKM_ECDSA_SHA384, EC_WITH(GCRY_MD_SHA384), SIGNING | CURVES},
    {CKM_GOSTR3410_KEY_PAIR_GEN, GOST256_WITH(0, 0, NULL), MAKING},
    {CKM_GOSTR3410_512_KEY_PAIR_GEN, GOST512_WITH(0, 0, NULL), MAKING},
    {CKM_GOSTR3410, GOST256_WITH(0, 32, NULL), SIGNING},
    {CKM_GOSTR3410_512, GOST512_WITH(0, 64, NULL), SIGNING},
    {CKM_GOSTR3410_WITH_GOSTR3411, GOST256_WITH(GCRY_MD_GOSTR3411_CP, 0, GOST_94), SIGNING},
    {CKM_GOSTR3410_WITH_GOSTR3411_2012_256, GOST256_WITH(GCRY_MD_STRIBOG256, 0, STREEBOG_256), SIGNING},
    {CKM_GOSTR3410_WITH_GOSTR3411_2012_512, GOST512_WITH(GCRY_MD_STRIBOG512, 0, STREEBOG_512), SIGNING},
    {CKM_GOSTR3411, HASHING(GCRY_MD_GOSTR3411_CP, GOST_94), DIGESTING},
    {CKM_GOSTR3411_2012_256, HASHING(GCRY_MD_STRIBOG256, STREEBOG_256), DIGESTING},
    {CKM_GOSTR3411_2012_512, HASHING(GCRY_MD_STRIBOG512, STREEBOG_512), DIGESTING},
    {CKM_SHA_1, HASHING(GCRY_MD_SHA1, NULL), DIGESTING},
    {CKM_SHA256, HASHING(GCRY_MD_SHA256, NULL), DIGESTING},
    {CKM_SHA384, HASHING(GCRY_MD_SHA384, NULL), DIGESTING},
    {CKM_SHA512, HASHING(GCRY_MD_SHA512, NULL), DIGESTING},
};
#define MECHANISMS (sizeof mechanisms / sizeof *mechanisms)

static bool is_missing(const struct options *options, CK_MECHANISM_TYPE type) {
    for (size_t place = 0; place < options->without_count; place++)
        if (options->without[place] == type)
            return true;
    return false;
}

const struct mechanism *mechanism_of(const struct slot *slot, CK_MECHANISM_TYPE type) {
    struct options options;
    options_read(slot, &options);
    for (size_t place = 0; place < MECHANISMS; place++)
        if (mechanisms[place].type == type && !is_missing(&options, type))
            return &mechanisms[place];
    return NULL;
}

CK_RV mechanism_parameter_check(const struct mechanism *mechanism, const CK_MECHANISM *given) {
    if (!given->ulParameterLen)
        return CKR_OK;
    if (!given->pParameter || !mechanism->hash_oid)
        return CKR_MECHANISM_PARAM_INVALID;
    long size;
    unsigned char *oid = OPENSSL_hexstr2buf(mechanism->hash_oid, &size);
    if (!oid)
        return CKR_HOST_MEMORY;
    bool same = given->ulParameterLen == (CK_ULONG)size && memcmp(oid, given->pParameter, (size_t)size) == 0;
    OPENSSL_free(oid);
    return same ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

ENTRY(C_GetMechanismList, (CK_SLOT_ID id, CK_MECHANISM_TYPE *list, CK_ULONG *count), (id, list, count)) {
    struct slot *slot;
    struct options options;
    if (!count)
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = slot_with_token(id, &slot);
    if (rv != CKR_OK)
        return rv;
    options_read(slot, &options);
    CK_ULONG found = 0, room = *count;
    for (size_t place = 0; place < MECHANISMS; place++) {
        if (is_missing(&options, mechanisms[place].type))
            continue;
        if (list && found < room)
            list[found] = mechanisms[place].type;
        found++;
    }
    *count = found;
    return list && found > room ? CKR_BUFFER_TOO_SMALL : CKR_OK;
}

ENTRY(C_GetMechanismInfo, (CK_SLOT_ID id, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info), (id, type, info)) {
    struct slot *slot;
    if (!info)
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = slot_with_token(id, &slot);
    if (rv != CKR_OK)
        return rv;
    const struct mechanism *mechanism = mechanism_of(slot, type);
    if (!mechanism)
        return CKR_MECHANISM_INVALID;
    *info = (CK_MECHANISM_INFO){mechanism->minimum, mechanism->maximum, mechanism->flags};
    return CKR_OK;
}
