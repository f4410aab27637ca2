/* Slots and what is in them: each folder in PERO_TEST_TOKEN_DIR whose name does not begin with a dot is a token. */
#include "gost.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct slot slots[SLOTS];
static char root[2048];

void slot_path(const struct slot *slot, const char *name, char *path, size_t size) {
    snprintf(path, size, "%s/%s/%s", root, slot->folder, name);
}

static bool folder_status(const char *folder, struct stat *status) {
    char path[sizeof root + NAME_SIZE + 1];
    snprintf(path, sizeof path, "%s/%s", root, folder);
    return stat(path, status) == 0 && S_ISDIR(status->st_mode);
}

static int is_visible(const struct dirent *entry) {
    struct stat status;
    return entry->d_name[0] != '.' && folder_status(entry->d_name, &status);
}

static void token_out(struct slot *slot) {
    sessions_close(slot);
    store_forget(slot);
    slot->present = false;
    slot->changed = true;
    slot->user = NOBODY;
}

bool slot_still_present(struct slot *slot) {
    struct stat status;
    if (slot->present) {
        bool same = folder_status(slot->folder, &status) && status.st_ino == slot->inode && status.st_dev == slot->device;
        if (!same)
            token_out(slot);
    }
    return slot->present;
}

static bool is_in_a_slot(const char *folder) {
    for (int place = 0; place < SLOTS; place++)
        if (slots[place].present && strcmp(slots[place].folder, folder) == 0)
            return true;
    return false;
}

static void token_in(const char *folder) {
    struct stat status;
    struct slot *slot = slots;
    while (slot < slots + SLOTS && slot->present)
        slot++;
    if (slot == slots + SLOTS || strlen(folder) >= sizeof slot->folder || !folder_status(folder, &status))
        return;
    strcpy(slot->folder, folder);
    slot->device = status.st_dev;
    slot->inode = status.st_ino;
    slot->user = NOBODY;
    slot->present = slot->changed = true;
}

/* Not alphasort(3), which goes by the language of the program. */
static int by_name(const struct dirent **one, const struct dirent **other) {
    return strcmp((*one)->d_name, (*other)->d_name);
}

static void look(void) {
    for (int place = 0; place < SLOTS; place++)
        slot_still_present(&slots[place]);
    struct dirent **found;
    int count = scandir(root, &found, is_visible, by_name);
    for (int place = 0; place < count; place++) {
        if (!is_in_a_slot(found[place]->d_name))
            token_in(found[place]->d_name);
        free(found[place]);
    }
    if (count >= 0)
        free(found);
}

/* A folder without anything in it gets one token, so that pkcs11-tool is enough to begin with. */
static void give_first_token(void) {
    struct dirent **found;
    int count = scandir(root, &found, NULL, NULL);
    for (int place = 0; place < count; place++)
        free(found[place]);
    if (count >= 0)
        free(found);
    if (count == 2) { /* itself and the one above */
        char path[sizeof root + 8];
        snprintf(path, sizeof path, "%s/token", root);
        mkdir(path, 0700);
    }
}

CK_RV slots_begin(void) {
    const char *folder = getenv("PERO_TEST_TOKEN_DIR");
    if (!folder || !*folder || strlen(folder) >= sizeof root)
        return CKR_GENERAL_ERROR;
    strcpy(root, folder);
    if (mkdir(root, 0700) != 0 && errno != EEXIST)
        return CKR_GENERAL_ERROR;
    give_first_token();
    for (CK_SLOT_ID id = 0; id < SLOTS; id++)
        slots[id] = (struct slot){.id = id, .user = NOBODY};
    look();
    for (int place = 0; place < SLOTS; place++)
        slots[place].changed = false;
    return CKR_OK;
}

void slots_end(void) {
    for (int place = 0; place < SLOTS; place++) {
        store_forget(&slots[place]);
        slots[place].present = false;
    }
}

/* Slow calls are told by the token that they meet. */
static void wait_as_told(const struct slot *slot) {
    struct options options;
    options_read(slot, &options);
    struct timespec delay = {(time_t)(options.delay / 1000), (long)(options.delay % 1000) * 1000000};
    if (options.delay)
        nanosleep(&delay, NULL);
}

CK_RV slot_with_token(CK_SLOT_ID id, struct slot **slot) {
    if (id >= SLOTS)
        return CKR_SLOT_ID_INVALID;
    look();
    if (!slots[id].present)
        return CKR_TOKEN_NOT_PRESENT;
    *slot = &slots[id];
    wait_as_told(*slot);
    return CKR_OK;
}

ENTRY(C_GetSlotList, (CK_BBOOL with_token, CK_SLOT_ID *list, CK_ULONG *count), (with_token, list, count)) {
    if (!count)
        return CKR_ARGUMENTS_BAD;
    look();
    CK_ULONG found = 0, room = *count;
    for (CK_SLOT_ID id = 0; id < SLOTS; id++) {
        if (with_token && !slots[id].present)
            continue;
        if (list && found < room)
            list[found] = id;
        found++;
    }
    *count = found;
    return list && found > room ? CKR_BUFFER_TOO_SMALL : CKR_OK;
}

static void pad(unsigned char *to, size_t size, const char *text) {
    memset(to, ' ', size);
    memcpy(to, text, strnlen(text, size));
}

ENTRY(C_GetSlotInfo, (CK_SLOT_ID id, CK_SLOT_INFO *info), (id, info)) {
    if (!info)
        return CKR_ARGUMENTS_BAD;
    if (id >= SLOTS)
        return CKR_SLOT_ID_INVALID;
    look();
    char name[64];
    memset(info, 0, sizeof *info);
    snprintf(name, sizeof name, "Aktiv Rutoken ECP %02lu 00", id);
    pad(info->slotDescription, sizeof info->slotDescription, name);
    pad(info->manufacturerID, sizeof info->manufacturerID, "Aktiv Co.");
    info->flags = CKF_REMOVABLE_DEVICE | CKF_HW_SLOT | (slots[id].present ? CKF_TOKEN_PRESENT : 0);
    return CKR_OK;
}

static CK_FLAGS pin_flags(const struct pin *pin, CK_ULONG tries) {
    CK_FLAGS flags = pin->vendors ? CKF_USER_PIN_TO_BE_CHANGED : 0;
    if (!pin->set)
        return flags;
    if (pin->tries < tries)
        flags |= CKF_USER_PIN_COUNT_LOW;
    if (pin->tries == 1)
        flags |= CKF_USER_PIN_FINAL_TRY;
    if (pin->tries == 0)
        flags |= CKF_USER_PIN_LOCKED;
    return flags;
}

static CK_FLAGS token_flags(const struct record *record, const struct options *options) {
    const CK_FLAGS officer = CKF_SO_PIN_COUNT_LOW / CKF_USER_PIN_COUNT_LOW;
    CK_FLAGS flags = CKF_RNG | CKF_LOGIN_REQUIRED;
    flags |= record->initialized ? CKF_TOKEN_INITIALIZED : 0;
    flags |= record->pins[CKU_USER].set ? CKF_USER_PIN_INITIALIZED : 0;
    flags |= options->protected_path ? CKF_PROTECTED_AUTHENTICATION_PATH : 0;
    flags |= pin_flags(&record->pins[CKU_USER], options->tries);
    flags |= options->pin_expired ? CKF_USER_PIN_TO_BE_CHANGED : 0;
    return flags | pin_flags(&record->pins[CKU_SO], options->tries) * officer;
}

ENTRY(C_GetTokenInfo, (CK_SLOT_ID id, CK_TOKEN_INFO *info), (id, info)) {
    struct slot *slot;
    struct record record;
    struct options options;
    if (!info)
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = slot_with_token(id, &slot);
    if (rv == CKR_OK)
        rv = record_read(slot, &record);
    if (rv != CKR_OK)
        return rv;
    options_read(slot, &options);
    memset(info, 0, sizeof *info);
    pad(info->label, sizeof info->label, record.label);
    pad(info->manufacturerID, sizeof info->manufacturerID, options.manufacturer);
    pad(info->model, sizeof info->model, options.model);
    pad(info->serialNumber, sizeof info->serialNumber, *options.serial ? options.serial : record.serial);
    info->flags = token_flags(&record, &options);
    info->ulMaxSessionCount = info->ulMaxRwSessionCount = CK_EFFECTIVELY_INFINITE;
    info->ulSessionCount = sessions_count(slot, 0);
    info->ulRwSessionCount = sessions_count(slot, CKF_RW_SESSION);
    info->ulMinPinLen = options.shortest_pin;
    info->ulMaxPinLen = options.longest_pin;
    info->ulTotalPublicMemory = info->ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION;
    info->ulTotalPrivateMemory = info->ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION;
    info->hardwareVersion.major = 20;
    info->firmwareVersion.major = 30;
    info->firmwareVersion.minor = 2;
    pad(info->utcTime, sizeof info->utcTime, "");
    return CKR_OK;
}

ENTRY(C_WaitForSlotEvent, (CK_FLAGS flags, CK_SLOT_ID *id, void *reserved), (flags, id, reserved)) {
    if (!id || reserved)
        return CKR_ARGUMENTS_BAD;
    if (!(flags & CKF_DONT_BLOCK))
        return CKR_FUNCTION_NOT_SUPPORTED;
    look();
    for (*id = 0; *id < SLOTS; (*id)++)
        if (slots[*id].changed) {
            slots[*id].changed = false;
            return CKR_OK;
        }
    return CKR_NO_EVENT;
}
