/* Keys on P-256 and P-384, ECDSA, by OpenSSL. A signature is r then s (PKCS#11 v2.40 mechanisms 2.3.1). */
#include "gost.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

static const struct named {
    unsigned char oid[10]; /* DER */
    CK_ULONG oid_size, size; /* bytes of a coordinate */
    const char *name;
} named[] = {
    {{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, 10, 32, "P-256"},
    {{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22}, 7, 48, "P-384"},
};

static const struct named *curve_of_key(const struct attributes *key) {
    const CK_ATTRIBUTE *parameters = attribute_in(key, CKA_EC_PARAMS);
    for (size_t place = 0; parameters && place < sizeof named / sizeof *named; place++)
        if (parameters->ulValueLen == named[place].oid_size
            && memcmp(parameters->pValue, named[place].oid, named[place].oid_size) == 0)
            return &named[place];
    return NULL;
}

static CK_ULONG signature_size(const struct attributes *key) {
    return 2 * curve_of_key(key)->size;
}

static CK_ULONG bits(const struct attributes *key) {
    return 8 * curve_of_key(key)->size;
}

/* The point in CKA_EC_POINT: a DER OCTET STRING (PKCS#11 v2.40), below 128 bytes for both of our curves. */
static const unsigned char *point_of(const struct attributes *key, size_t *size) {
    const CK_ATTRIBUTE *found = attribute_in(key, CKA_EC_POINT);
    const unsigned char *octets = found->pValue;
    *size = 1 + 2 * curve_of_key(key)->size;
    return found->ulValueLen == *size + 2 && octets[0] == 0x04 && octets[1] == *size ? octets + 2 : NULL;
}

static bool push_key(OSSL_PARAM_BLD *builder, const struct attributes *key, BIGNUM **d) {
    size_t size;
    if (number_in(key, CKA_CLASS) == CKO_PRIVATE_KEY) {
        const CK_ATTRIBUTE *value = attribute_in(key, CKA_VALUE);
        *d = BN_bin2bn(value->pValue, (int)value->ulValueLen, NULL);
        return *d && !BN_is_zero(*d) && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, *d);
    }
    const unsigned char *point = point_of(key, &size);
    return point && OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, size);
}

/* NULL: it is no key */
static EVP_PKEY *openssl_key(const struct attributes *key) {
    EVP_PKEY *made = NULL;
    BIGNUM *d = NULL;
    OSSL_PARAM *parameters = NULL;
    int selection = number_in(key, CKA_CLASS) == CKO_PRIVATE_KEY ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(library_context(), "EC", NULL);
    if (builder && context
        && OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve_of_key(key)->name, 0)
        && push_key(builder, key, &d))
        parameters = OSSL_PARAM_BLD_to_param(builder);
    if (parameters && EVP_PKEY_fromdata_init(context) == 1)
        EVP_PKEY_fromdata(context, &made, selection, parameters);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    BN_clear_free(d);
    return made;
}

static CK_RV check(struct attributes *key) {
    if (!curve_of_key(key))
        return CKR_CURVE_NOT_SUPPORTED;
    EVP_PKEY *made = openssl_key(key);
    bool good = made;
    EVP_PKEY_free(made);
    return good ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
}

static bool from_der(const unsigned char *der, size_t der_size, unsigned char *signature, int size) {
    ECDSA_SIG *numbers = d2i_ECDSA_SIG(NULL, &der, (long)der_size);
    bool good = numbers && BN_bn2binpad(ECDSA_SIG_get0_r(numbers), signature, size) == size
        && BN_bn2binpad(ECDSA_SIG_get0_s(numbers), signature + size, size) == size;
    ECDSA_SIG_free(numbers);
    return good;
}

static CK_RV sign(const struct attributes *key, int hash, const unsigned char *data, size_t size, unsigned char *signature) {
    unsigned char der[160];
    size_t made = sizeof der;
    (void)hash;
    EVP_PKEY *signer = openssl_key(key);
    EVP_PKEY_CTX *context = signer ? EVP_PKEY_CTX_new_from_pkey(library_context(), signer, NULL) : NULL;
    bool good = context && EVP_PKEY_sign_init(context) == 1 && EVP_PKEY_sign(context, der, &made, data, size) == 1
        && from_der(der, made, signature, (int)curve_of_key(key)->size);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(signer);
    return good ? CKR_OK : CKR_DEVICE_ERROR;
}

static int to_der(const unsigned char *signature, int size, unsigned char **der) {
    ECDSA_SIG *numbers = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, size, NULL), *s = BN_bin2bn(signature + size, size, NULL);
    int made = -1;
    *der = NULL;
    if (numbers && r && s && ECDSA_SIG_set0(numbers, r, s)) {
        made = i2d_ECDSA_SIG(numbers, der);
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(numbers);
    return made;
}

static CK_RV verify(
    const struct attributes *key, int hash, const unsigned char *data, size_t size, const unsigned char *signature
) {
    unsigned char *der;
    int made = to_der(signature, (int)curve_of_key(key)->size, &der);
    (void)hash;
    EVP_PKEY *verifier = openssl_key(key);
    EVP_PKEY_CTX *context = verifier ? EVP_PKEY_CTX_new_from_pkey(library_context(), verifier, NULL) : NULL;
    bool good = made > 0 && context && EVP_PKEY_verify_init(context) == 1
        && EVP_PKEY_verify(context, der, (size_t)made, data, size) == 1;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(verifier);
    OPENSSL_free(der);
    return good ? CKR_OK : CKR_SIGNATURE_INVALID;
}

static CK_RV take(EVP_PKEY *made, struct attributes *public, struct attributes *private, size_t size) {
    unsigned char point[2 + 1 + 2 * 48] = {0x04, (unsigned char)(1 + 2 * size)}, octets[48];
    size_t used = 0;
    BIGNUM *d = NULL;
    CK_RV rv = CKR_DEVICE_ERROR;
    if (EVP_PKEY_get_octet_string_param(made, OSSL_PKEY_PARAM_PUB_KEY, point + 2, sizeof point - 2, &used) == 1
        && used == 1 + 2 * size && EVP_PKEY_get_bn_param(made, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1
        && BN_bn2binpad(d, octets, (int)size) == (int)size)
        rv = attribute_set(public, CKA_EC_POINT, point, 2 + used);
    BN_clear_free(d);
    if (rv == CKR_OK)
        rv = attribute_set(private, CKA_VALUE, octets, size);
    return rv == CKR_OK ? attribute_share(private, public, CKA_EC_PARAMS) : rv;
}

static CK_RV generate(struct attributes *public, struct attributes *private) {
    const struct named *curve = curve_of_key(public);
    if (!curve)
        return CKR_CURVE_NOT_SUPPORTED;
    EVP_PKEY *made = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(library_context(), "EC", NULL);
    if (context && EVP_PKEY_keygen_init(context) == 1 && EVP_PKEY_CTX_set_group_name(context, curve->name) == 1)
        EVP_PKEY_generate(context, &made);
    EVP_PKEY_CTX_free(context);
    CK_RV rv = made ? take(made, public, private, curve->size) : CKR_DEVICE_ERROR;
    EVP_PKEY_free(made);
    return rv;
}

const struct family ec_family = {CKK_EC, check, bits, signature_size, sign, verify, generate};
