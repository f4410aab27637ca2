/* C_InitToken, C_InitPIN, C_SetPIN, C_Login, C_Logout. */
#include "gost.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* At a reader with keys nobody stands: what is "typed" there is the first line of the file `pinpad`, which is used up. */
static CK_RV typed_at_reader(const struct slot *slot, struct typed *typed) {
    char path[4096];
    unsigned char *content;
    size_t size;
    slot_path(slot, "pinpad", path, sizeof path);
    if (!file_read(path, &content, &size))
        return CKR_FUNCTION_CANCELED;
    size_t line = strcspn((char *)content, "\n");
    CK_RV rv = line < sizeof typed->value ? CKR_OK : CKR_PIN_LEN_RANGE;
    if (rv == CKR_OK) {
        memcpy(typed->value, content, line);
        typed->size = line;
    }
    size_t used = line < size ? line + 1 : line;
    if (used == size)
        unlink(path);
    else
        file_write(path, content + used, size - used);
    free(content);
    return rv;
}

CK_RV pin_typed(const struct slot *slot, const unsigned char *given, CK_ULONG size, struct typed *typed) {
    struct options options;
    options_read(slot, &options);
    if (!given)
        return options.protected_path ? typed_at_reader(slot, typed) : CKR_ARGUMENTS_BAD;
    if (size > sizeof typed->value)
        return CKR_PIN_LEN_RANGE;
    memcpy(typed->value, given, size);
    typed->size = size;
    return CKR_OK;
}

static void label_set(struct record *record, const unsigned char *label) {
    size_t size = strnlen((const char *)label, 32); /* padded by rule; some programs give a C string */
    while (size && label[size - 1] == ' ')
        size--;
    memcpy(record->label, label, size);
    record->label[size] = 0;
    for (char *place = record->label; *place; place++)
        if (*place == '\n')
            *place = ' ';
    if (!size)
        strcpy(record->label, "Rutoken ECP <no label>");
}

ENTRY(C_InitToken, (CK_SLOT_ID id, CK_BYTE *pin, CK_ULONG size, CK_BYTE *label), (id, pin, size, label)) {
    struct slot *slot;
    struct record record;
    struct options options;
    struct typed typed;
    if (!label)
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = slot_with_token(id, &slot);
    if (rv == CKR_OK)
        rv = record_read(slot, &record);
    if (rv == CKR_OK && any_session(slot, 0))
        rv = CKR_SESSION_EXISTS;
    if (rv == CKR_OK)
        rv = pin_typed(slot, pin, size, &typed);
    if (rv == CKR_OK && record.initialized)
        rv = pin_check(slot, CKU_SO, typed.value, typed.size);
    if (rv != CKR_OK)
        return rv;
    options_read(slot, &options);
    if (typed.size < options.shortest_pin || typed.size > options.longest_pin)
        return CKR_PIN_LEN_RANGE;
    label_set(&record, label);
    memset(record.pins, 0, sizeof record.pins);
    rv = pin_make(&record.pins[CKU_SO], CKU_SO, typed.value, typed.size, options.tries);
    if (rv == CKR_OK)
        rv = store_erase(slot);
    return rv == CKR_OK ? record_write(slot, &record) : rv;
}

ENTRY(C_InitPIN, (CK_SESSION_HANDLE handle, CK_BYTE *pin, CK_ULONG size), (handle, pin, size)) {
    struct session *session;
    struct typed typed;
    CK_RV rv = session_of(handle, &session);
    if (rv != CKR_OK)
        return rv;
    if (session->slot->user != CKU_SO)
        return CKR_USER_NOT_LOGGED_IN;
    rv = pin_typed(session->slot, pin, size, &typed);
    return rv == CKR_OK ? pin_change(session->slot, CKU_USER, typed.value, typed.size) : rv;
}

ENTRY(
    C_SetPIN, (CK_SESSION_HANDLE handle, CK_BYTE *old, CK_ULONG old_size, CK_BYTE *new, CK_ULONG new_size),
    (handle, old, old_size, new, new_size)
) {
    struct session *session;
    struct typed before, after;
    CK_RV rv = session_of(handle, &session);
    if (rv != CKR_OK)
        return rv;
    if (!(session->flags & CKF_RW_SESSION))
        return CKR_SESSION_READ_ONLY;
    struct slot *slot = session->slot;
    CK_USER_TYPE user = slot->user == CKU_SO ? CKU_SO : CKU_USER;
    struct options options;
    options_read(slot, &options);
    if (new && (new_size < options.shortest_pin || new_size > options.longest_pin))
        return CKR_PIN_LEN_RANGE; /* before a try is spent */
    rv = pin_typed(slot, old, old_size, &before);
    if (rv == CKR_OK)
        rv = pin_typed(slot, new, new_size, &after);
    if (rv == CKR_OK)
        rv = pin_check(slot, user, before.value, before.size);
    return rv == CKR_OK ? pin_change(slot, user, after.value, after.size) : rv;
}

static CK_RV may_log_in(const struct session *session, CK_USER_TYPE user) {
    const struct slot *slot = session->slot;
    if (user == CKU_CONTEXT_SPECIFIC) {
        if (!login_for_operation_wanted(session))
            return CKR_OPERATION_NOT_INITIALIZED;
        return slot->user == CKU_USER ? CKR_OK : CKR_USER_NOT_LOGGED_IN;
    }
    if (user != CKU_USER && user != CKU_SO)
        return CKR_USER_TYPE_INVALID;
    if (slot->user == user)
        return CKR_USER_ALREADY_LOGGED_IN;
    if (slot->user != NOBODY)
        return CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
    return user == CKU_SO && any_session(slot, CKF_RW_SESSION) ? CKR_SESSION_READ_ONLY_EXISTS : CKR_OK;
}

ENTRY(C_Login, (CK_SESSION_HANDLE handle, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG size), (handle, user, pin, size)) {
    struct session *session;
    struct typed typed;
    struct options options;
    CK_RV rv = session_of(handle, &session);
    if (rv == CKR_OK)
        rv = may_log_in(session, user);
    if (rv == CKR_OK)
        rv = pin_typed(session->slot, pin, size, &typed);
    if (rv == CKR_OK)
        rv = pin_check(session->slot, user == CKU_SO ? CKU_SO : CKU_USER, typed.value, typed.size);
    if (rv != CKR_OK)
        return rv;
    options_read(session->slot, &options);
    if (options.pin_expired && user != CKU_SO)
        return CKR_PIN_EXPIRED;
    if (user == CKU_CONTEXT_SPECIFIC)
        login_for_operation_done(session);
    else
        session->slot->user = user;
    return CKR_OK;
}

ENTRY(C_Logout, (CK_SESSION_HANDLE handle), (handle)) {
    struct session *session;
    CK_RV rv = session_of(handle, &session);
    if (rv != CKR_OK)
        return rv;
    if (session->slot->user == NOBODY)
        return CKR_USER_NOT_LOGGED_IN;
    session->slot->user = NOBODY;
    store_logout(session->slot);
    return CKR_OK;
}
