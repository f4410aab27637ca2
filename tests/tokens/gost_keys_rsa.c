/* Keys of RSA, PKCS#1 v1.5 signatures, by OpenSSL. */
#include "gost.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

static const struct part {
    CK_ATTRIBUTE_TYPE type;
    const char *name; /* OpenSSL's */
    bool of_public;
} parts[] = {
    {CKA_MODULUS, OSSL_PKEY_PARAM_RSA_N, true},
    {CKA_PUBLIC_EXPONENT, OSSL_PKEY_PARAM_RSA_E, true},
    {CKA_PRIVATE_EXPONENT, OSSL_PKEY_PARAM_RSA_D, false},
    {CKA_PRIME_1, OSSL_PKEY_PARAM_RSA_FACTOR1, false},
    {CKA_PRIME_2, OSSL_PKEY_PARAM_RSA_FACTOR2, false},
    {CKA_EXPONENT_1, OSSL_PKEY_PARAM_RSA_EXPONENT1, false},
    {CKA_EXPONENT_2, OSSL_PKEY_PARAM_RSA_EXPONENT2, false},
    {CKA_COEFFICIENT, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, false},
};
#define PARTS (sizeof parts / sizeof *parts)

static BIGNUM *number_of(const struct attributes *key, CK_ATTRIBUTE_TYPE type) {
    const CK_ATTRIBUTE *found = attribute_in(key, type);
    return found && found->ulValueLen ? BN_bin2bn(found->pValue, (int)found->ulValueLen, NULL) : NULL;
}

static CK_ULONG bits(const struct attributes *key) {
    BIGNUM *modulus = number_of(key, CKA_MODULUS);
    CK_ULONG count = modulus ? (CK_ULONG)BN_num_bits(modulus) : 0;
    BN_free(modulus);
    return count;
}

static CK_ULONG signature_size(const struct attributes *key) {
    return (bits(key) + 7) / 8;
}

/* NULL: it is no key */
static EVP_PKEY *openssl_key(const struct attributes *key, bool private) {
    EVP_PKEY *made = NULL;
    BIGNUM *numbers[PARTS] = {0};
    OSSL_PARAM *parameters = NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(library_context(), "RSA", NULL);
    for (size_t place = 0; builder && place < PARTS; place++) {
        if (!private && !parts[place].of_public)
            continue;
        numbers[place] = number_of(key, parts[place].type);
        if (numbers[place])
            OSSL_PARAM_BLD_push_BN(builder, parts[place].name, numbers[place]);
    }
    if (builder && context)
        parameters = OSSL_PARAM_BLD_to_param(builder);
    if (parameters && EVP_PKEY_fromdata_init(context) == 1)
        EVP_PKEY_fromdata(context, &made, private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, parameters);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    for (size_t place = 0; place < PARTS; place++)
        BN_free(numbers[place]);
    return made;
}

static CK_RV check(struct attributes *key) {
    bool private = number_in(key, CKA_CLASS) == CKO_PRIVATE_KEY;
    if (bits(key) < 2048 || bits(key) > 4096)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    EVP_PKEY *made = openssl_key(key, private);
    bool good = made;
    EVP_PKEY_free(made);
    if (!good)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    return private ? CKR_OK : number_set(key, CKA_MODULUS_BITS, bits(key));
}

static const EVP_MD *digest_of(int hash) {
    switch (hash) {
    case GCRY_MD_SHA256: return EVP_sha256();
    case GCRY_MD_SHA384: return EVP_sha384();
    case GCRY_MD_SHA512: return EVP_sha512();
    default: return NULL;
    }
}

static bool prepare(EVP_PKEY_CTX *context, int hash) {
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1
        && (!hash || EVP_PKEY_CTX_set_signature_md(context, digest_of(hash)) == 1);
}

static CK_RV sign(const struct attributes *key, int hash, const unsigned char *data, size_t size, unsigned char *signature) {
    size_t made = signature_size(key);
    if (size + 11 > made)
        return CKR_DATA_LEN_RANGE;
    EVP_PKEY *signer = openssl_key(key, true);
    EVP_PKEY_CTX *context = signer ? EVP_PKEY_CTX_new_from_pkey(library_context(), signer, NULL) : NULL;
    bool good = context && EVP_PKEY_sign_init(context) == 1 && prepare(context, hash)
        && EVP_PKEY_sign(context, signature, &made, data, size) == 1;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(signer);
    return good ? CKR_OK : CKR_DEVICE_ERROR;
}

static CK_RV verify(
    const struct attributes *key, int hash, const unsigned char *data, size_t size, const unsigned char *signature
) {
    if (size + 11 > signature_size(key))
        return CKR_DATA_LEN_RANGE;
    EVP_PKEY *verifier = openssl_key(key, false);
    EVP_PKEY_CTX *context = verifier ? EVP_PKEY_CTX_new_from_pkey(library_context(), verifier, NULL) : NULL;
    bool good = context && EVP_PKEY_verify_init(context) == 1 && prepare(context, hash)
        && EVP_PKEY_verify(context, signature, signature_size(key), data, size) == 1;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(verifier);
    return good ? CKR_OK : CKR_SIGNATURE_INVALID;
}

static CK_RV take(EVP_PKEY *made, const struct part *part, struct attributes *to) {
    unsigned char octets[SIGNATURE_LIMIT];
    BIGNUM *number = NULL;
    if (EVP_PKEY_get_bn_param(made, part->name, &number) != 1)
        return CKR_DEVICE_ERROR;
    int size = BN_bn2bin(number, octets);
    BN_clear_free(number);
    return attribute_set(to, part->type, octets, (CK_ULONG)size);
}

static EVP_PKEY *new_key(unsigned wanted_bits, BIGNUM *exponent) {
    EVP_PKEY *made = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(library_context(), "RSA", NULL);
    if (context && EVP_PKEY_keygen_init(context) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(context, (int)wanted_bits) == 1
        && (!exponent || EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, exponent) == 1))
        EVP_PKEY_generate(context, &made);
    EVP_PKEY_CTX_free(context);
    return made;
}

static CK_RV generate(struct attributes *public, struct attributes *private) {
    CK_ULONG wanted = number_in(public, CKA_MODULUS_BITS);
    if (wanted < 2048 || wanted > 4096)
        return CKR_KEY_SIZE_RANGE;
    BIGNUM *exponent = number_of(public, CKA_PUBLIC_EXPONENT);
    bool odd = !exponent || (BN_is_odd(exponent) && !BN_is_one(exponent));
    EVP_PKEY *made = odd ? new_key((unsigned)wanted, exponent) : NULL;
    BN_free(exponent);
    CK_RV rv = made ? CKR_OK : odd ? CKR_DEVICE_ERROR : CKR_ATTRIBUTE_VALUE_INVALID;
    for (size_t place = 0; place < PARTS && rv == CKR_OK; place++) {
        rv = take(made, &parts[place], private);
        if (rv == CKR_OK && parts[place].of_public)
            rv = take(made, &parts[place], public);
    }
    EVP_PKEY_free(made);
    return rv;
}

const struct family rsa_family = {CKK_RSA, check, bits, signature_size, sign, verify, generate};
