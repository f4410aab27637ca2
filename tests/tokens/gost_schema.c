/* Which attributes an object of each kind has: PKCS#11 v2.40, section 4 of the base specification and sections 2.1, 2.3
 * and 2.29 of the mechanisms. One table; a row is an attribute of the kinds that it names. */
#include "gost.h"

#include <string.h>

enum kind { BYTES, FLAG, NUMBER, DATE };
enum initial { ABSENT, NO, YES, EMPTY, ZERO, UNAVAILABLE };
enum {
    DATA = 1, CERTIFICATE = 2, PUBLIC = 4, PRIVATE = 8, KEYS = PUBLIC | PRIVATE, ALL = 15, /* classes */
    OF_RSA = 16, OF_EC = 32, OF_GOST = 64, KEY_TYPES = OF_RSA | OF_EC | OF_GOST, /* a row that names none is for every key type */
};
enum {
    MUST = 1,      /* stand in a template of C_CreateObject */
    MUST_GEN = 2,  /* stand in a template of C_GenerateKeyPair */
    NEVER = 4,     /* stand in a template: the token's own */
    NOT_NEW = 8,   /* stand in a template of C_CreateObject */
    MADE = 16,     /* stand in a template of C_GenerateKeyPair: it is its result */
    CHANGE = 32,   /* C_SetAttributeValue may */
    SECRET = 64,   /* not to be seen where CKA_SENSITIVE, or without CKA_EXTRACTABLE */
    OFFICER = 128, /* only the security officer may say yes */
};

static const struct row {
    CK_ATTRIBUTE_TYPE type;
    unsigned kind, of, rules, initial;
} rows[] = {
    {CKA_CLASS, NUMBER, ALL, MUST, ABSENT},
    {CKA_TOKEN, FLAG, ALL, 0, NO},
    {CKA_PRIVATE, FLAG, DATA | CERTIFICATE | PUBLIC, 0, NO},
    {CKA_PRIVATE, FLAG, PRIVATE, 0, YES},
    {CKA_MODIFIABLE, FLAG, ALL, 0, YES},
    {CKA_COPYABLE, FLAG, ALL, 0, YES},
    {CKA_DESTROYABLE, FLAG, ALL, 0, YES},
    {CKA_LABEL, BYTES, ALL, CHANGE, EMPTY},

    {CKA_APPLICATION, BYTES, DATA, CHANGE, EMPTY},
    {CKA_OBJECT_ID, BYTES, DATA, CHANGE, EMPTY},
    {CKA_VALUE, BYTES, DATA, CHANGE, EMPTY},

    {CKA_CERTIFICATE_TYPE, NUMBER, CERTIFICATE, MUST, ABSENT},
    {CKA_TRUSTED, FLAG, CERTIFICATE | PUBLIC, OFFICER, NO},
    {CKA_CERTIFICATE_CATEGORY, NUMBER, CERTIFICATE, 0, ZERO},
    {CKA_CHECK_VALUE, BYTES, CERTIFICATE, 0, ABSENT},
    {CKA_SUBJECT, BYTES, CERTIFICATE, MUST, ABSENT},
    {CKA_ISSUER, BYTES, CERTIFICATE, CHANGE, EMPTY},
    {CKA_SERIAL_NUMBER, BYTES, CERTIFICATE, CHANGE, EMPTY},
    {CKA_VALUE, BYTES, CERTIFICATE, MUST, ABSENT},
    {CKA_URL, BYTES, CERTIFICATE, 0, EMPTY},
    {CKA_HASH_OF_SUBJECT_PUBLIC_KEY, BYTES, CERTIFICATE, 0, EMPTY},
    {CKA_HASH_OF_ISSUER_PUBLIC_KEY, BYTES, CERTIFICATE, 0, EMPTY},
    {CKA_JAVA_MIDP_SECURITY_DOMAIN, NUMBER, CERTIFICATE, 0, ZERO},
    {CKA_NAME_HASH_ALGORITHM, NUMBER, CERTIFICATE, 0, ABSENT},

    {CKA_KEY_TYPE, NUMBER, KEYS, MUST, ABSENT},
    {CKA_ID, BYTES, KEYS | CERTIFICATE, CHANGE, EMPTY},
    {CKA_START_DATE, DATE, KEYS | CERTIFICATE, CHANGE, EMPTY},
    {CKA_END_DATE, DATE, KEYS | CERTIFICATE, CHANGE, EMPTY},
    {CKA_SUBJECT, BYTES, KEYS, CHANGE, EMPTY},
    {CKA_DERIVE, FLAG, KEYS, CHANGE, NO},
    {CKA_LOCAL, FLAG, KEYS, NEVER, NO},
    {CKA_KEY_GEN_MECHANISM, NUMBER, KEYS, NEVER, UNAVAILABLE},
    {CKA_ALLOWED_MECHANISMS, BYTES, KEYS, 0, ABSENT},

    {CKA_ENCRYPT, FLAG, PUBLIC, CHANGE, NO},
    {CKA_VERIFY, FLAG, PUBLIC, CHANGE, YES},
    {CKA_VERIFY_RECOVER, FLAG, PUBLIC, CHANGE, NO},
    {CKA_WRAP, FLAG, PUBLIC, CHANGE, NO},

    {CKA_SENSITIVE, FLAG, PRIVATE, CHANGE, YES},
    {CKA_EXTRACTABLE, FLAG, PRIVATE, CHANGE, NO},
    {CKA_ALWAYS_SENSITIVE, FLAG, PRIVATE, NEVER, NO},
    {CKA_NEVER_EXTRACTABLE, FLAG, PRIVATE, NEVER, NO},
    {CKA_DECRYPT, FLAG, PRIVATE, CHANGE, NO},
    {CKA_SIGN, FLAG, PRIVATE, CHANGE, YES},
    {CKA_SIGN_RECOVER, FLAG, PRIVATE, CHANGE, NO},
    {CKA_UNWRAP, FLAG, PRIVATE, CHANGE, NO},
    {CKA_WRAP_WITH_TRUSTED, FLAG, PRIVATE, 0, NO},
    {CKA_ALWAYS_AUTHENTICATE, FLAG, PRIVATE, 0, NO},

    {CKA_MODULUS, BYTES, KEYS | OF_RSA, MUST | MADE, ABSENT},
    {CKA_MODULUS_BITS, NUMBER, PUBLIC | OF_RSA, NOT_NEW | MUST_GEN, ABSENT},
    {CKA_PUBLIC_EXPONENT, BYTES, PUBLIC | OF_RSA, MUST, ABSENT},
    {CKA_PUBLIC_EXPONENT, BYTES, PRIVATE | OF_RSA, MUST | MADE, ABSENT},
    {CKA_PRIVATE_EXPONENT, BYTES, PRIVATE | OF_RSA, MUST | MADE | SECRET, ABSENT},
    {CKA_PRIME_1, BYTES, PRIVATE | OF_RSA, MADE | SECRET, ABSENT},
    {CKA_PRIME_2, BYTES, PRIVATE | OF_RSA, MADE | SECRET, ABSENT},
    {CKA_EXPONENT_1, BYTES, PRIVATE | OF_RSA, MADE | SECRET, ABSENT},
    {CKA_EXPONENT_2, BYTES, PRIVATE | OF_RSA, MADE | SECRET, ABSENT},
    {CKA_COEFFICIENT, BYTES, PRIVATE | OF_RSA, MADE | SECRET, ABSENT},

    {CKA_EC_PARAMS, BYTES, PUBLIC | OF_EC, MUST | MUST_GEN, ABSENT},
    {CKA_EC_PARAMS, BYTES, PRIVATE | OF_EC, MUST | MADE, ABSENT},
    {CKA_EC_POINT, BYTES, PUBLIC | OF_EC, MUST | MADE, ABSENT},
    {CKA_VALUE, BYTES, PRIVATE | OF_EC, MUST | MADE | SECRET, ABSENT},

    {CKA_GOSTR3410_PARAMS, BYTES, PUBLIC | OF_GOST, MUST | MUST_GEN, ABSENT},
    {CKA_GOSTR3410_PARAMS, BYTES, PRIVATE | OF_GOST, MUST, ABSENT},
    {CKA_GOSTR3411_PARAMS, BYTES, KEYS | OF_GOST, 0, ABSENT},
    {CKA_GOST28147_PARAMS, BYTES, KEYS | OF_GOST, 0, ABSENT},
    {CKA_VALUE, BYTES, PUBLIC | OF_GOST, MUST | MADE, ABSENT},
    {CKA_VALUE, BYTES, PRIVATE | OF_GOST, MUST | MADE | SECRET, ABSENT},
};
#define ROWS (sizeof rows / sizeof *rows)

/* The kind of an object, as the table names it; 0: none that we keep. */
static unsigned kind_of(const struct attributes *object) {
    switch (number_in(object, CKA_CLASS)) {
    case CKO_DATA: return DATA;
    case CKO_CERTIFICATE: return CERTIFICATE;
    case CKO_PUBLIC_KEY: case CKO_PRIVATE_KEY: break;
    default: return 0;
    }
    unsigned class = number_in(object, CKA_CLASS) == CKO_PUBLIC_KEY ? PUBLIC : PRIVATE;
    switch (number_in(object, CKA_KEY_TYPE)) {
    case CKK_RSA: return class | OF_RSA;
    case CKK_EC: return class | OF_EC;
    case CKK_GOSTR3410: case CKK_GOSTR3410_512: return class | OF_GOST;
    default: return 0;
    }
}

static bool fits(const struct row *row, unsigned kind) {
    return row->of & kind & ALL && (!(row->of & KEY_TYPES) || row->of & kind & KEY_TYPES);
}

static const struct row *row_of(CK_ATTRIBUTE_TYPE type, unsigned kind) {
    for (size_t place = 0; place < ROWS; place++)
        if (rows[place].type == type && fits(&rows[place], kind))
            return &rows[place];
    return NULL;
}

/* Bytes of a value; a length above it is a lie or a mistake, CK_UNAVAILABLE_INFORMATION too. */
#define LONGEST (1UL << 20)

static CK_RV check_value(const struct row *row, const CK_ATTRIBUTE *given) {
    if (given->ulValueLen > LONGEST || (given->ulValueLen && !given->pValue))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    bool good = true;
    if (row->kind == FLAG)
        good = given->ulValueLen == 1 && *(const CK_BBOOL *)given->pValue <= CK_TRUE;
    if (row->kind == NUMBER)
        good = given->ulValueLen == sizeof(CK_ULONG);
    if (row->kind == DATE)
        good = given->ulValueLen == 0 || given->ulValueLen == sizeof(CK_DATE);
    return good ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
}

static CK_RV check_given(const struct attributes *given, unsigned kind, enum making making, bool officer) {
    for (CK_ULONG place = 0; place < given->count; place++) {
        const CK_ATTRIBUTE *item = &given->items[place];
        const struct row *row = row_of(item->type, kind);
        if (!row)
            return CKR_ATTRIBUTE_TYPE_INVALID;
        if (attribute_in(given, item->type) != item) /* named twice */
            return CKR_TEMPLATE_INCONSISTENT;
        CK_RV rv = check_value(row, item);
        if (rv != CKR_OK)
            return rv;
        if (row->rules & NEVER || row->rules & (making == CREATED ? NOT_NEW : MADE))
            return CKR_ATTRIBUTE_READ_ONLY;
        if (row->rules & OFFICER && flag_in(given, item->type) && !officer)
            return CKR_ATTRIBUTE_READ_ONLY;
        if (item->type == CKA_CERTIFICATE_TYPE && number_in(given, item->type) != CKC_X_509)
            return CKR_ATTRIBUTE_VALUE_INVALID;
    }
    return CKR_OK;
}

static CK_RV set_initial(struct attributes *made, const struct row *row) {
    switch (row->initial) {
    case NO: return flag_set(made, row->type, false);
    case YES: return flag_set(made, row->type, true);
    case EMPTY: return attribute_set(made, row->type, NULL, 0);
    case ZERO: return number_set(made, row->type, 0);
    case UNAVAILABLE: return number_set(made, row->type, CK_UNAVAILABLE_INFORMATION);
    default: return CKR_OK;
    }
}

static CK_RV fill(struct attributes *made, const struct attributes *given, unsigned kind, enum making making) {
    CK_RV rv = CKR_OK;
    for (size_t place = 0; place < ROWS && rv == CKR_OK; place++) {
        const struct row *row = &rows[place];
        if (!fits(row, kind))
            continue;
        const CK_ATTRIBUTE *item = attribute_in(given, row->type);
        if (item)
            rv = attribute_set(made, row->type, item->pValue, item->ulValueLen);
        else if (row->rules & (making == CREATED ? MUST : MUST_GEN))
            rv = CKR_TEMPLATE_INCOMPLETE;
        else
            rv = set_initial(made, row);
    }
    if (rv == CKR_OK && kind & KEYS)
        rv = flag_set(made, CKA_LOCAL, making == GENERATED);
    if (rv == CKR_OK && kind & PRIVATE)
        rv = flag_set(made, CKA_ALWAYS_SENSITIVE, making == GENERATED && flag_in(made, CKA_SENSITIVE));
    if (rv == CKR_OK && kind & PRIVATE)
        rv = flag_set(made, CKA_NEVER_EXTRACTABLE, making == GENERATED && !flag_in(made, CKA_EXTRACTABLE));
    return rv;
}

CK_RV schema_make(struct attributes *made, const struct attributes *given, enum making making, bool officer) {
    *made = (struct attributes){0};
    const CK_ATTRIBUTE *class = attribute_in(given, CKA_CLASS);
    if (!class)
        return CKR_TEMPLATE_INCOMPLETE;
    unsigned kind = kind_of(given);
    if (!kind) {
        bool key = number_in(given, CKA_CLASS) == CKO_PUBLIC_KEY || number_in(given, CKA_CLASS) == CKO_PRIVATE_KEY;
        return key && !attribute_in(given, CKA_KEY_TYPE) ? CKR_TEMPLATE_INCOMPLETE : CKR_ATTRIBUTE_VALUE_INVALID;
    }
    CK_RV rv = check_given(given, kind, making, officer);
    if (rv == CKR_OK)
        rv = fill(made, given, kind, making);
    if (rv != CKR_OK)
        attributes_free(made);
    return rv;
}

/* CKA_SENSITIVE goes on and CKA_EXTRACTABLE goes off, and neither comes back. */
static bool one_way(const struct attributes *object, const CK_ATTRIBUTE *item) {
    bool wanted = *(const CK_BBOOL *)item->pValue;
    if (item->type == CKA_SENSITIVE)
        return flag_in(object, CKA_SENSITIVE) && !wanted;
    return item->type == CKA_EXTRACTABLE && !flag_in(object, CKA_EXTRACTABLE) && wanted;
}

CK_RV schema_change(struct attributes *object, const struct attributes *given) {
    unsigned kind = kind_of(object);
    for (CK_ULONG place = 0; place < given->count; place++) {
        const CK_ATTRIBUTE *item = &given->items[place];
        const struct row *row = row_of(item->type, kind);
        if (!row)
            return CKR_ATTRIBUTE_TYPE_INVALID;
        if (!(row->rules & CHANGE))
            return CKR_ATTRIBUTE_READ_ONLY;
        CK_RV rv = check_value(row, item);
        if (rv == CKR_OK && row->kind == FLAG && one_way(object, item))
            rv = CKR_ATTRIBUTE_READ_ONLY;
        if (rv == CKR_OK)
            rv = attribute_set(object, item->type, item->pValue, item->ulValueLen);
        if (rv != CKR_OK)
            return rv;
    }
    return CKR_OK;
}

bool schema_hides(const struct attributes *object, CK_ATTRIBUTE_TYPE type) {
    const struct row *row = row_of(type, kind_of(object));
    return row && row->rules & SECRET && (flag_in(object, CKA_SENSITIVE) || !flag_in(object, CKA_EXTRACTABLE));
}
