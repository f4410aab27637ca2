/* Sessions: the table of all that are open, C_OpenSession to C_GetSessionInfo. */
#include "gost.h"

#include <stdlib.h>

static struct session *sessions;
static CK_SESSION_HANDLE last_handle;

void operation_end(struct operation *operation) {
    if (operation->hash)
        gcry_md_close(operation->hash);
    *operation = (struct operation){0};
}

static void session_free(struct session *session) {
    operation_end(&session->sign);
    operation_end(&session->verify);
    operation_end(&session->digest);
    free(session->search.handles);
    free(session);
}

/* The last session of a token ends the login. */
static void log_out_if_last(struct slot *slot) {
    if (slot->user == NOBODY || any_session(slot, 0))
        return;
    slot->user = NOBODY;
    store_logout(slot);
}

static void close_at(struct session **place) {
    struct session *session = *place;
    struct slot *slot = session->slot;
    *place = session->next;
    store_end_session(slot, session->handle);
    session_free(session);
    log_out_if_last(slot);
}

void sessions_close(const struct slot *slot) {
    struct session **place = &sessions;
    while (*place) {
        if (!slot || (*place)->slot == slot)
            close_at(place);
        else
            place = &(*place)->next;
    }
}

static struct session **place_of(CK_SESSION_HANDLE handle) {
    struct session **place = &sessions;
    while (*place && (*place)->handle != handle)
        place = &(*place)->next;
    return place;
}

CK_RV session_of(CK_SESSION_HANDLE handle, struct session **session) {
    struct session *found = *place_of(handle);
    struct slot *slot;
    if (!found)
        return CKR_SESSION_HANDLE_INVALID;
    CK_SLOT_ID id = found->slot->id;
    if (!slot_still_present(found->slot))
        return CKR_DEVICE_REMOVED; /* once: the session is closed by now */
    *session = found;
    return slot_with_token(id, &slot);
}

bool any_session(const struct slot *slot, CK_FLAGS without) {
    for (const struct session *session = sessions; session; session = session->next)
        if (session->slot == slot && !(session->flags & without))
            return true;
    return false;
}

CK_ULONG sessions_count(const struct slot *slot, CK_FLAGS with) {
    CK_ULONG count = 0;
    for (const struct session *session = sessions; session; session = session->next)
        if (session->slot == slot && (session->flags & with) == with)
            count++;
    return count;
}

bool login_for_operation_wanted(const struct session *session) {
    return session->sign.mechanism && session->sign.login_wanted;
}

void login_for_operation_done(struct session *session) {
    session->sign.login_wanted = false;
}

ENTRY(
    C_OpenSession, (CK_SLOT_ID id, CK_FLAGS flags, void *application, CK_NOTIFY notify, CK_SESSION_HANDLE *handle),
    (id, flags, application, notify, handle)
) {
    struct slot *slot;
    struct record record;
    (void)application, (void)notify;
    if (!handle)
        return CKR_ARGUMENTS_BAD;
    if (!(flags & CKF_SERIAL_SESSION))
        return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
    CK_RV rv = slot_with_token(id, &slot);
    if (rv == CKR_OK)
        rv = record_read(slot, &record);
    if (rv == CKR_OK && !record.initialized)
        rv = CKR_TOKEN_NOT_RECOGNIZED;
    if (rv == CKR_OK && slot->user == CKU_SO && !(flags & CKF_RW_SESSION))
        rv = CKR_SESSION_READ_WRITE_SO_EXISTS;
    if (rv != CKR_OK)
        return rv;
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        return CKR_HOST_MEMORY;
    session->handle = *handle = ++last_handle;
    session->slot = slot;
    session->flags = flags & (CKF_SERIAL_SESSION | CKF_RW_SESSION);
    session->next = sessions;
    sessions = session;
    return CKR_OK;
}

ENTRY(C_CloseSession, (CK_SESSION_HANDLE handle), (handle)) {
    struct session *session;
    CK_RV rv = session_of(handle, &session);
    if (rv == CKR_OK)
        close_at(place_of(handle));
    return rv;
}

ENTRY(C_CloseAllSessions, (CK_SLOT_ID id), (id)) {
    struct slot *slot;
    CK_RV rv = slot_with_token(id, &slot);
    if (rv == CKR_OK)
        sessions_close(slot);
    return rv;
}

static CK_STATE state_of(const struct session *session) {
    bool writing = session->flags & CKF_RW_SESSION;
    if (session->slot->user == CKU_SO)
        return CKS_RW_SO_FUNCTIONS;
    if (session->slot->user == CKU_USER)
        return writing ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS;
    return writing ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION;
}

ENTRY(C_GetSessionInfo, (CK_SESSION_HANDLE handle, CK_SESSION_INFO *info), (handle, info)) {
    struct session *session;
    if (!info)
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = session_of(handle, &session);
    if (rv == CKR_OK)
        *info = (CK_SESSION_INFO){.slotID = session->slot->id, .state = state_of(session), .flags = session->flags};
    return rv;
}
