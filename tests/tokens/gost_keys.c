/* The families of keys, and C_GenerateKeyPair. */
#include "gost.h"

#include <openssl/err.h>

const struct family *family_of(CK_KEY_TYPE type) {
    static const struct family *const families[] = {&rsa_family, &ec_family, &gost256_family, &gost512_family};
    for (size_t place = 0; place < sizeof families / sizeof *families; place++)
        if (families[place]->type == type)
            return families[place];
    return NULL;
}

/* The template with its class and key type: the mechanism implies both, a template may say them. */
static CK_RV name_kind(struct attributes *named, const struct attributes *given, CK_OBJECT_CLASS class, CK_KEY_TYPE type) {
    const CK_ATTRIBUTE *said_class = attribute_in(given, CKA_CLASS), *said_type = attribute_in(given, CKA_KEY_TYPE);
    if ((said_class && number_in(given, CKA_CLASS) != class) || (said_type && number_in(given, CKA_KEY_TYPE) != type))
        return CKR_TEMPLATE_INCONSISTENT;
    for (CK_ULONG place = 0; place < given->count; place++)
        if (given->items[place].ulValueLen && !given->items[place].pValue)
            return CKR_ATTRIBUTE_VALUE_INVALID;
    CK_RV rv = attributes_copy(named, given);
    if (rv == CKR_OK)
        rv = number_set(named, CKA_CLASS, class);
    return rv == CKR_OK ? number_set(named, CKA_KEY_TYPE, type) : rv;
}

static CK_RV plan(
    struct attributes *made, CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_CLASS class, const struct mechanism *mechanism
) {
    struct attributes given = template_of(template, count), named = {0};
    CK_RV rv = name_kind(&named, &given, class, mechanism->key);
    if (rv == CKR_OK)
        rv = schema_make(made, &named, GENERATED, false);
    if (rv == CKR_OK)
        rv = number_set(made, CKA_KEY_GEN_MECHANISM, mechanism->type);
    attributes_free(&named);
    return rv;
}

static CK_RV may_add(const struct session *session, const struct attributes *planned) {
    if (flag_in(planned, CKA_TOKEN) && !(session->flags & CKF_RW_SESSION))
        return CKR_SESSION_READ_ONLY;
    return flag_in(planned, CKA_PRIVATE) && session->slot->user != CKU_USER ? CKR_USER_NOT_LOGGED_IN : CKR_OK;
}

/* Both or none. */
static CK_RV add_both(struct session *session, struct attributes *public, struct attributes *private, CK_OBJECT_HANDLE *handles) {
    CK_RV rv = object_add(session, private, &handles[1]);
    if (rv != CKR_OK)
        return rv;
    rv = object_add(session, public, &handles[0]);
    if (rv != CKR_OK)
        store_remove(session->slot, object_of(session, handles[1]));
    return rv;
}

static CK_RV generate(const struct mechanism *mechanism, struct attributes *public, struct attributes *private) {
    ERR_set_mark();
    CK_RV rv = family_of(mechanism->key)->generate(public, private);
    ERR_pop_to_mark();
    return rv;
}

ENTRY(
    C_GenerateKeyPair,
    (CK_SESSION_HANDLE handle, CK_MECHANISM *given, CK_ATTRIBUTE *public_template, CK_ULONG public_count,
     CK_ATTRIBUTE *private_template, CK_ULONG private_count, CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key),
    (handle, given, public_template, public_count, private_template, private_count, public_key, private_key)
) {
    struct session *session;
    struct attributes public = {0}, private = {0};
    CK_OBJECT_HANDLE handles[2];
    if (!given || !public_key || !private_key || (public_count && !public_template) || (private_count && !private_template))
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = session_of(handle, &session);
    if (rv != CKR_OK)
        return rv;
    const struct mechanism *mechanism = mechanism_of(session->slot, given->mechanism);
    if (!mechanism || !(mechanism->flags & CKF_GENERATE_KEY_PAIR))
        return CKR_MECHANISM_INVALID;
    rv = mechanism_parameter_check(mechanism, given);
    if (rv == CKR_OK)
        rv = plan(&public, public_template, public_count, CKO_PUBLIC_KEY, mechanism);
    if (rv == CKR_OK)
        rv = plan(&private, private_template, private_count, CKO_PRIVATE_KEY, mechanism);
    if (rv == CKR_OK)
        rv = may_add(session, &public);
    if (rv == CKR_OK)
        rv = may_add(session, &private);
    if (rv == CKR_OK)
        rv = generate(mechanism, &public, &private);
    if (rv == CKR_OK)
        rv = add_both(session, &public, &private, handles);
    attributes_free(&public);
    attributes_free(&private);
    if (rv == CKR_OK) {
        *public_key = handles[0];
        *private_key = handles[1];
    }
    return rv;
}
