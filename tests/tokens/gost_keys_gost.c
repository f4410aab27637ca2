/* Keys of GOST R 34.10-2012. libgcrypt signs and verifies on curves that it is given as numbers; OpenSSL makes keys.
 *
 * Octets: a digest is the number e, least first; a signature is s then r, most first (RFC 4490 3.2); a public key is X
 * then Y, least first (RFC 9215 4.3); a private key is d, least first.
 */
#include "gost.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <string.h>

static const struct curve *curve_of_key(const struct attributes *key) {
    size_t size = number_in(key, CKA_KEY_TYPE) == CKK_GOSTR3410_512 ? 64 : 32;
    return curve_of(attribute_in(key, CKA_GOSTR3410_PARAMS), size);
}

static void reverse(const unsigned char *from, unsigned char *to, size_t size) {
    for (size_t place = 0; place < size; place++)
        to[place] = from[size - 1 - place];
}

/* ---- With OpenSSL: is it on the curve, and a new pair */

struct workshop {
    BN_CTX *context;
    EC_GROUP *group;
    EC_POINT *point;
    BIGNUM *q, *x, *y, *d;
};

static BIGNUM *number(BN_CTX *context, const char *hex) {
    BIGNUM *made = BN_CTX_get(context);
    return made && BN_hex2bn(&made, hex) ? made : NULL;
}

static bool workshop_open(struct workshop *workshop, const struct curve *curve) {
    memset(workshop, 0, sizeof *workshop);
    BN_CTX *context = workshop->context = BN_CTX_new_ex(library_context());
    if (!context)
        return false;
    BN_CTX_start(context);
    BIGNUM *p = number(context, curve->p), *a = number(context, curve->a), *b = number(context, curve->b);
    BIGNUM *cofactor = BN_CTX_get(context);
    workshop->q = number(context, curve->q);
    workshop->x = number(context, curve->x);
    workshop->y = number(context, curve->y);
    workshop->d = BN_CTX_get(context);
    if (!p || !a || !b || !cofactor || !workshop->q || !workshop->x || !workshop->y || !workshop->d)
        return false;
    workshop->group = EC_GROUP_new_curve_GFp(p, a, b, context);
    workshop->point = workshop->group ? EC_POINT_new(workshop->group) : NULL;
    return workshop->point && BN_set_word(cofactor, curve->cofactor)
        && EC_POINT_set_affine_coordinates(workshop->group, workshop->point, workshop->x, workshop->y, context)
        && EC_GROUP_set_generator(workshop->group, workshop->point, workshop->q, cofactor);
}

static void workshop_close(struct workshop *workshop) {
    EC_POINT_free(workshop->point);
    EC_GROUP_free(workshop->group);
    if (workshop->context)
        BN_CTX_end(workshop->context);
    BN_CTX_free(workshop->context);
}

static bool on_curve(struct workshop *workshop, const unsigned char *value, int size) {
    return BN_lebin2bn(value, size, workshop->x) && BN_lebin2bn(value + size, size, workshop->y)
        && EC_POINT_set_affine_coordinates(workshop->group, workshop->point, workshop->x, workshop->y, workshop->context);
}

static bool in_range(struct workshop *workshop, const unsigned char *value, int size) {
    return BN_lebin2bn(value, size, workshop->d) && !BN_is_zero(workshop->d) && BN_cmp(workshop->d, workshop->q) < 0;
}

/* d and Q = dG, as octets */
static bool new_pair(struct workshop *workshop, unsigned char *private, unsigned char *public, int size) {
    EC_POINT *point = workshop->point;
    do {
        if (!BN_priv_rand_range_ex(workshop->d, workshop->q, 0, workshop->context))
            return false;
    } while (BN_is_zero(workshop->d));
    return EC_POINT_mul(workshop->group, point, workshop->d, NULL, NULL, workshop->context)
        && EC_POINT_get_affine_coordinates(workshop->group, point, workshop->x, workshop->y, workshop->context)
        && BN_bn2lebinpad(workshop->d, private, size) == size && BN_bn2lebinpad(workshop->x, public, size) == size
        && BN_bn2lebinpad(workshop->y, public + size, size) == size;
}

static CK_RV complete(struct attributes *key, size_t size) {
    static const unsigned char oids[][10] = {
        {0x06, 0x08, 0x2a, 0x85, 0x03, 0x07, 0x01, 0x01, 0x02, 0x02},
        {0x06, 0x08, 0x2a, 0x85, 0x03, 0x07, 0x01, 0x01, 0x02, 0x03},
    };
    return attribute_in(key, CKA_GOSTR3411_PARAMS) ? CKR_OK
                                                   : attribute_set(key, CKA_GOSTR3411_PARAMS, oids[size == 64], 10);
}

static CK_RV check(struct attributes *key) {
    const struct curve *curve = curve_of_key(key);
    const CK_ATTRIBUTE *value = attribute_in(key, CKA_VALUE);
    bool public = number_in(key, CKA_CLASS) == CKO_PUBLIC_KEY;
    if (!curve || value->ulValueLen != (public ? 2 : 1) * curve->size)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    struct workshop workshop;
    bool good = workshop_open(&workshop, curve)
        && (public ? on_curve : in_range)(&workshop, value->pValue, (int)curve->size);
    workshop_close(&workshop);
    return good ? complete(key, curve->size) : CKR_ATTRIBUTE_VALUE_INVALID;
}

static CK_RV generate(struct attributes *public, struct attributes *private) {
    const struct curve *curve = curve_of_key(public);
    unsigned char d[GOST_LIMIT], point[2 * GOST_LIMIT];
    if (!curve)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    struct workshop workshop;
    bool good = workshop_open(&workshop, curve) && new_pair(&workshop, d, point, (int)curve->size);
    workshop_close(&workshop);
    CK_RV rv = good ? attribute_set(public, CKA_VALUE, point, 2 * curve->size) : CKR_DEVICE_ERROR;
    if (rv == CKR_OK)
        rv = attribute_set(private, CKA_VALUE, d, curve->size);
    if (rv == CKR_OK)
        rv = attribute_share(private, public, CKA_GOSTR3410_PARAMS);
    if (rv == CKR_OK)
        rv = complete(public, curve->size);
    return rv == CKR_OK ? attribute_share(private, public, CKA_GOSTR3411_PARAMS) : rv;
}

/* ---- With libgcrypt: sign and verify */

static gcry_mpi_t octets(const unsigned char *value, size_t size) {
    gcry_mpi_t made = NULL;
    gcry_mpi_scan(&made, GCRYMPI_FMT_USG, value, size, NULL);
    return made;
}

static gcry_mpi_t least_first(const unsigned char *value, size_t size) {
    unsigned char turned[GOST_LIMIT];
    reverse(value, turned, size);
    return octets(turned, size);
}

static gcry_mpi_t digits(const char *hex) {
    gcry_mpi_t made = NULL;
    gcry_mpi_scan(&made, GCRYMPI_FMT_HEX, hex, 0, NULL);
    return made;
}

/* A point without compression: 04, X, Y, most first. */
static gcry_mpi_t point_of(gcry_mpi_t x, gcry_mpi_t y, size_t size) {
    unsigned char whole[1 + 2 * GOST_LIMIT] = {0x04}, part[GOST_LIMIT];
    gcry_mpi_t both[] = {x, y};
    for (size_t place = 0; place < 2; place++) {
        size_t used = 0;
        gcry_mpi_print(GCRYMPI_FMT_USG, part, sizeof part, &used, both[place]);
        memcpy(whole + 1 + (place + 1) * size - used, part, used);
        gcry_mpi_release(both[place]);
    }
    return octets(whole, 1 + 2 * size);
}

/* `name`: "q" and a point, or "d" and a number; released here. NULL: memory */
static gcry_sexp_t key_expression(const struct curve *curve, const char *kind, const char *name, gcry_mpi_t value) {
    char format[160];
    gcry_sexp_t made = NULL;
    gcry_mpi_t p = digits(curve->p), a = digits(curve->a), b = digits(curve->b), q = digits(curve->q);
    gcry_mpi_t base = point_of(digits(curve->x), digits(curve->y), curve->size);
    gcry_mpi_t cofactor = gcry_mpi_set_ui(NULL, curve->cofactor);
    snprintf(format, sizeof format, "(%s(ecc(flags gost)(p%%m)(a%%m)(b%%m)(g%%m)(n%%m)(h%%m)(%s%%m)))", kind, name);
    gcry_sexp_build(&made, NULL, format, p, a, b, base, q, cofactor, value);
    gcry_mpi_t used[] = {p, a, b, q, base, cofactor, value};
    for (size_t place = 0; place < sizeof used / sizeof *used; place++)
        gcry_mpi_release(used[place]);
    return made;
}

static gcry_sexp_t data_expression(const unsigned char *digest, size_t size) {
    gcry_sexp_t made = NULL;
    gcry_mpi_t e = least_first(digest, size);
    gcry_sexp_build(&made, NULL, "(data(flags gost)(value%m))", e);
    gcry_mpi_release(e);
    return made;
}

static bool take_number(gcry_sexp_t from, const char *name, unsigned char *to, size_t size) {
    gcry_sexp_t found = gcry_sexp_find_token(from, name, 1);
    gcry_mpi_t value = found ? gcry_sexp_nth_mpi(found, 1, GCRYMPI_FMT_USG) : NULL;
    unsigned char part[GOST_LIMIT];
    size_t used = 0;
    bool good = value && gcry_mpi_print(GCRYMPI_FMT_USG, part, sizeof part, &used, value) == 0 && used <= size;
    if (good) {
        memset(to, 0, size);
        memcpy(to + size - used, part, used);
    }
    gcry_mpi_release(value);
    gcry_sexp_release(found);
    return good;
}

static CK_ULONG signature_size(const struct attributes *key) {
    return 2 * curve_of_key(key)->size;
}

static CK_ULONG bits(const struct attributes *key) {
    return 8 * curve_of_key(key)->size;
}

static CK_RV sign(const struct attributes *key, int hash, const unsigned char *data, size_t size, unsigned char *signature) {
    const struct curve *curve = curve_of_key(key);
    gcry_mpi_t d = least_first(attribute_in(key, CKA_VALUE)->pValue, curve->size);
    gcry_sexp_t signer = key_expression(curve, "private-key", "d", d), what = data_expression(data, size), made = NULL;
    (void)hash;
    bool good = signer && what && gcry_pk_sign(&made, what, signer) == 0;
    good = good && take_number(made, "s", signature, curve->size);
    good = good && take_number(made, "r", signature + curve->size, curve->size);
    gcry_sexp_release(made);
    gcry_sexp_release(what);
    gcry_sexp_release(signer);
    return good ? CKR_OK : CKR_DEVICE_ERROR;
}

static CK_RV verify(
    const struct attributes *key, int hash, const unsigned char *data, size_t size, const unsigned char *signature
) {
    const struct curve *curve = curve_of_key(key);
    const unsigned char *value = attribute_in(key, CKA_VALUE)->pValue;
    gcry_mpi_t point =
        point_of(least_first(value, curve->size), least_first(value + curve->size, curve->size), curve->size);
    gcry_mpi_t s = octets(signature, curve->size), r = octets(signature + curve->size, curve->size);
    gcry_sexp_t verifier = key_expression(curve, "public-key", "q", point), what = data_expression(data, size), given = NULL;
    (void)hash;
    gcry_sexp_build(&given, NULL, "(sig-val(gost(r%m)(s%m)))", r, s);
    bool good = verifier && what && given && gcry_pk_verify(given, what, verifier) == 0;
    gcry_mpi_release(r);
    gcry_mpi_release(s);
    gcry_sexp_release(given);
    gcry_sexp_release(what);
    gcry_sexp_release(verifier);
    return good ? CKR_OK : CKR_SIGNATURE_INVALID;
}

const struct family gost256_family = {CKK_GOSTR3410, check, bits, signature_size, sign, verify, generate};
const struct family gost512_family = {CKK_GOSTR3410_512, check, bits, signature_size, sign, verify, generate};
