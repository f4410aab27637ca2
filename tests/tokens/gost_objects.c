/* C_CreateObject to C_FindObjectsFinal. */
#include "gost.h"

#include <stdlib.h>
#include <string.h>

CK_RV object_add(struct session *session, struct attributes *attributes, CK_OBJECT_HANDLE *handle) {
    CK_RV rv = CKR_OK;
    if (flag_in(attributes, CKA_TOKEN) && !(session->flags & CKF_RW_SESSION))
        rv = CKR_SESSION_READ_ONLY;
    if (rv == CKR_OK && flag_in(attributes, CKA_PRIVATE) && session->slot->user != CKU_USER)
        rv = CKR_USER_NOT_LOGGED_IN;
    if (rv == CKR_OK)
        rv = store_add(session->slot, session->handle, attributes, handle);
    attributes_free(attributes);
    return rv;
}

static CK_RV check_key(struct attributes *made) {
    CK_ULONG class = number_in(made, CKA_CLASS);
    if (class != CKO_PUBLIC_KEY && class != CKO_PRIVATE_KEY)
        return CKR_OK;
    return family_of(number_in(made, CKA_KEY_TYPE))->check(made);
}

ENTRY(
    C_CreateObject, (CK_SESSION_HANDLE handle, CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *object),
    (handle, template, count, object)
) {
    struct session *session;
    struct attributes made, given = template_of(template, count);
    if (!object || (count && !template))
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = session_of(handle, &session);
    if (rv == CKR_OK)
        rv = schema_make(&made, &given, CREATED, session->slot->user == CKU_SO);
    if (rv != CKR_OK)
        return rv;
    rv = check_key(&made);
    if (rv == CKR_OK)
        return object_add(session, &made, object);
    attributes_free(&made);
    return rv;
}

static CK_RV to_change(struct session *session, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE_TYPE permission, struct object **object) {
    *object = object_of(session, handle);
    if (!*object)
        return CKR_OBJECT_HANDLE_INVALID;
    if (flag_in(&(*object)->attributes, CKA_TOKEN) && !(session->flags & CKF_RW_SESSION))
        return CKR_SESSION_READ_ONLY;
    return flag_in(&(*object)->attributes, permission) ? CKR_OK : CKR_ACTION_PROHIBITED;
}

ENTRY(C_DestroyObject, (CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE which), (handle, which)) {
    struct session *session;
    struct object *object;
    CK_RV rv = session_of(handle, &session);
    if (rv == CKR_OK)
        rv = to_change(session, which, CKA_DESTROYABLE, &object);
    return rv == CKR_OK ? store_remove(session->slot, object) : rv;
}

ENTRY(C_GetObjectSize, (CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE which, CK_ULONG *size), (handle, which, size)) {
    struct session *session;
    if (!size)
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = session_of(handle, &session);
    if (rv != CKR_OK)
        return rv;
    const struct object *object = object_of(session, which);
    if (!object)
        return CKR_OBJECT_HANDLE_INVALID;
    *size = 0;
    for (CK_ULONG place = 0; place < object->attributes.count; place++)
        *size += sizeof(CK_ATTRIBUTE) + object->attributes.items[place].ulValueLen;
    return CKR_OK;
}

/* A vendor's way: the value of a public key stands in the OCTET STRING that it has in certificates (RFC 9215, 4.3). */
static CK_ULONG wrapping(const struct session *session, const struct object *object, CK_ATTRIBUTE_TYPE type, CK_BYTE *header) {
    struct options options;
    CK_ULONG kind = number_in(&object->attributes, CKA_KEY_TYPE);
    bool gost = kind == CKK_GOSTR3410 || kind == CKK_GOSTR3410_512;
    if (type != CKA_VALUE || !gost || number_in(&object->attributes, CKA_CLASS) != CKO_PUBLIC_KEY)
        return 0;
    options_read(session->slot, &options);
    static const CK_BYTE headers[][3] = {{0x04, 0x40}, {0x04, 0x81, 0x80}};
    if (!options.value_wrapped)
        return 0;
    memcpy(header, headers[kind == CKK_GOSTR3410_512], 3);
    return kind == CKK_GOSTR3410_512 ? 3 : 2;
}

static CK_RV get_one(const struct session *session, const struct object *object, CK_ATTRIBUTE *wanted) {
    CK_BYTE header[3];
    const CK_ATTRIBUTE *found = attribute_in(&object->attributes, wanted->type);
    CK_ULONG room = wanted->ulValueLen;
    wanted->ulValueLen = CK_UNAVAILABLE_INFORMATION;
    if (schema_hides(&object->attributes, wanted->type))
        return CKR_ATTRIBUTE_SENSITIVE;
    if (!found)
        return CKR_ATTRIBUTE_TYPE_INVALID;
    CK_ULONG before = wrapping(session, object, wanted->type, header), size = before + found->ulValueLen;
    if (wanted->pValue) {
        if (room < size)
            return CKR_BUFFER_TOO_SMALL;
        memcpy(wanted->pValue, header, before);
        memcpy((CK_BYTE *)wanted->pValue + before, found->pValue, found->ulValueLen);
    }
    wanted->ulValueLen = size;
    return CKR_OK;
}

ENTRY(
    C_GetAttributeValue, (CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE which, CK_ATTRIBUTE *template, CK_ULONG count),
    (handle, which, template, count)
) {
    struct session *session;
    if (!template || !count)
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = session_of(handle, &session);
    if (rv != CKR_OK)
        return rv;
    const struct object *object = object_of(session, which);
    if (!object)
        return CKR_OBJECT_HANDLE_INVALID;
    for (CK_ULONG place = 0; place < count; place++) { /* every one of them, whatever happens to another */
        CK_RV one = get_one(session, object, &template[place]);
        if (one != CKR_OK)
            rv = one;
    }
    return rv;
}

ENTRY(
    C_SetAttributeValue, (CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE which, CK_ATTRIBUTE *template, CK_ULONG count),
    (handle, which, template, count)
) {
    struct session *session;
    struct object *object;
    struct attributes changed, given = template_of(template, count);
    if (!template || !count)
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = session_of(handle, &session);
    if (rv == CKR_OK)
        rv = to_change(session, which, CKA_MODIFIABLE, &object);
    if (rv == CKR_OK)
        rv = attributes_copy(&changed, &object->attributes);
    if (rv != CKR_OK)
        return rv;
    rv = schema_change(&changed, &given);
    if (rv == CKR_OK)
        rv = store_replace(session->slot, object, &changed);
    attributes_free(&changed);
    return rv;
}

static bool matches(const struct attributes *object, const struct attributes *wanted) {
    for (CK_ULONG place = 0; place < wanted->count; place++) {
        const CK_ATTRIBUTE *item = &wanted->items[place], *found = attribute_in(object, item->type);
        if (!found || schema_hides(object, item->type) || found->ulValueLen != item->ulValueLen)
            return false;
        if (item->ulValueLen && memcmp(found->pValue, item->pValue, item->ulValueLen) != 0)
            return false;
    }
    return true;
}

static CK_RV find(struct session *session, const struct attributes *wanted) {
    CK_ULONG count = 0;
    store_sync(session->slot);
    for (const struct object *object = session->slot->objects; object; object = object->next)
        count++;
    session->search.handles = malloc((count + 1) * sizeof *session->search.handles);
    if (!session->search.handles)
        return CKR_HOST_MEMORY;
    session->search.count = session->search.told = 0;
    for (const struct object *object = session->slot->objects; object; object = object->next)
        if (object_visible(session, object) && matches(&object->attributes, wanted))
            session->search.handles[session->search.count++] = object->handle;
    session->search.active = true;
    return CKR_OK;
}

ENTRY(C_FindObjectsInit, (CK_SESSION_HANDLE handle, CK_ATTRIBUTE *template, CK_ULONG count), (handle, template, count)) {
    struct session *session;
    struct attributes wanted = template_of(template, count);
    if (count && !template)
        return CKR_ARGUMENTS_BAD;
    for (CK_ULONG place = 0; place < count; place++)
        if (template[place].ulValueLen && !template[place].pValue)
            return CKR_ARGUMENTS_BAD;
    CK_RV rv = session_of(handle, &session);
    if (rv != CKR_OK)
        return rv;
    return session->search.active ? CKR_OPERATION_ACTIVE : find(session, &wanted);
}

ENTRY(
    C_FindObjects, (CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE *objects, CK_ULONG room, CK_ULONG *count),
    (handle, objects, room, count)
) {
    struct session *session;
    if (!count || (room && !objects))
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = session_of(handle, &session);
    if (rv != CKR_OK)
        return rv;
    if (!session->search.active)
        return CKR_OPERATION_NOT_INITIALIZED;
    for (*count = 0; *count < room && session->search.told < session->search.count; (*count)++)
        objects[*count] = session->search.handles[session->search.told++];
    return CKR_OK;
}

ENTRY(C_FindObjectsFinal, (CK_SESSION_HANDLE handle), (handle)) {
    struct session *session;
    CK_RV rv = session_of(handle, &session);
    if (rv != CKR_OK)
        return rv;
    if (!session->search.active)
        return CKR_OPERATION_NOT_INITIALIZED;
    free(session->search.handles);
    session->search.handles = NULL;
    session->search.active = false;
    return CKR_OK;
}
