/* Objects: in memory, and each of the token's in a file of its folder `objects`.
 *
 * A file is written once and never changed in place: inode number and time tell whether it is the one we know.
 * Format: "PERO1\n", number of attributes, then of each type, size (8 bytes each, least first) and value.
 */
#include "gost.h"

#include <dirent.h>
#include <openssl/rand.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char magic[6] = "PERO1\n";
static const char ending[] = ".object";
static CK_OBJECT_HANDLE last_handle;

static void object_path(const struct slot *slot, const char *file, char *path, size_t size) {
    char name[NAME_SIZE + 16];
    snprintf(name, sizeof name, "objects/%s", file);
    slot_path(slot, name, path, size);
}

static void put_number(unsigned char **place, uint64_t number) {
    for (int byte = 0; byte < 8; byte++, number >>= 8)
        *(*place)++ = (unsigned char)number;
}

static bool get_number(const unsigned char **place, const unsigned char *end, uint64_t *number) {
    if (end - *place < 8)
        return false;
    *number = 0;
    for (int byte = 7; byte >= 0; byte--)
        *number = *number << 8 | (*place)[byte];
    *place += 8;
    return true;
}

static CK_RV write_object(const struct slot *slot, const char *file, const struct attributes *attributes) {
    size_t size = sizeof magic + 8;
    for (CK_ULONG place = 0; place < attributes->count; place++)
        size += 16 + attributes->items[place].ulValueLen;
    unsigned char *content = malloc(size), *next = content;
    if (!content)
        return CKR_HOST_MEMORY;
    memcpy(next, magic, sizeof magic);
    next += sizeof magic;
    put_number(&next, attributes->count);
    for (CK_ULONG place = 0; place < attributes->count; place++) {
        const CK_ATTRIBUTE *item = &attributes->items[place];
        put_number(&next, item->type);
        put_number(&next, item->ulValueLen);
        memcpy(next, item->pValue, item->ulValueLen);
        next += item->ulValueLen;
    }
    char path[4096];
    slot_path(slot, "objects", path, sizeof path);
    mkdir(path, 0700);
    object_path(slot, file, path, sizeof path);
    bool good = file_write(path, content, size);
    free(content);
    return good ? CKR_OK : CKR_DEVICE_MEMORY;
}

static bool parse_object(const unsigned char *content, size_t size, struct attributes *attributes) {
    const unsigned char *next = content + sizeof magic, *end = content + size;
    uint64_t count, type, length;
    if (size < sizeof magic || memcmp(content, magic, sizeof magic) != 0 || !get_number(&next, end, &count))
        return false;
    for (; count; count--) {
        if (!get_number(&next, end, &type) || !get_number(&next, end, &length) || length > (uint64_t)(end - next))
            return false;
        if (attribute_set(attributes, type, next, length) != CKR_OK)
            return false;
        next += length;
    }
    return next == end;
}

static struct version version_of(const struct slot *slot, const char *file) {
    char path[4096];
    struct stat status = {0};
    object_path(slot, file, path, sizeof path);
    stat(path, &status);
    return (struct version){status.st_ino, status.st_mtim};
}

static bool is_same(struct version one, struct version other) {
    return one.inode == other.inode && one.written.tv_sec == other.written.tv_sec
        && one.written.tv_nsec == other.written.tv_nsec;
}

static bool read_object(const struct slot *slot, const char *file, struct attributes *attributes) {
    char path[4096];
    unsigned char *content;
    size_t size;
    *attributes = (struct attributes){0};
    object_path(slot, file, path, sizeof path);
    if (!file_read(path, &content, &size))
        return false;
    bool good = parse_object(content, size, attributes);
    if (!good)
        attributes_free(attributes);
    free(content);
    return good;
}

static void object_free(struct object *object) {
    attributes_free(&object->attributes);
    free(object);
}

static void drop_at(struct object **place) {
    struct object *object = *place;
    *place = object->next;
    object_free(object);
}

static struct object *append(struct slot *slot, struct attributes *attributes) {
    struct object **place = &slot->objects, *object = calloc(1, sizeof *object);
    if (!object)
        return NULL;
    while (*place)
        place = &(*place)->next;
    object->handle = ++last_handle;
    object->attributes = *attributes;
    *attributes = (struct attributes){0};
    return *place = object;
}

static int is_object(const struct dirent *entry) {
    size_t size = strlen(entry->d_name);
    return size > sizeof ending && size < NAME_SIZE && strcmp(entry->d_name + size - sizeof ending + 1, ending) == 0;
}

static struct object *known(const struct slot *slot, const char *file) {
    struct object *object = slot->objects;
    while (object && strcmp(object->file, file) != 0)
        object = object->next;
    return object;
}

static void take_over(struct slot *slot, const char *file) {
    struct object *object = known(slot, file);
    struct attributes attributes;
    struct version version = version_of(slot, file);
    if ((object && is_same(object->version, version)) || !read_object(slot, file, &attributes))
        return;
    if (object) {
        attributes_free(&object->attributes);
        object->attributes = attributes;
    } else {
        object = append(slot, &attributes);
        if (!object) {
            attributes_free(&attributes);
            return;
        }
        strcpy(object->file, file);
    }
    object->version = version;
}

void store_sync(struct slot *slot) {
    char path[4096];
    struct dirent **found;
    slot_path(slot, "objects", path, sizeof path);
    int count = scandir(path, &found, is_object, alphasort);
    for (struct object **place = &slot->objects; *place;) {
        bool there = !*(*place)->file;
        for (int entry = 0; entry < count && !there; entry++)
            there = strcmp(found[entry]->d_name, (*place)->file) == 0;
        if (there)
            place = &(*place)->next;
        else
            drop_at(place);
    }
    for (int entry = 0; entry < count; entry++) {
        take_over(slot, found[entry]->d_name);
        free(found[entry]);
    }
    if (count >= 0)
        free(found);
}

void store_forget(struct slot *slot) {
    while (slot->objects)
        drop_at(&slot->objects);
}

void store_end_session(struct slot *slot, CK_SESSION_HANDLE session) {
    for (struct object **place = &slot->objects; *place;) {
        if ((*place)->session == session)
            drop_at(place);
        else
            place = &(*place)->next;
    }
}

void store_logout(struct slot *slot) {
    for (struct object **place = &slot->objects; *place;) {
        bool private = flag_in(&(*place)->attributes, CKA_PRIVATE);
        if (private && (*place)->session) {
            drop_at(place);
            continue;
        }
        if (private)
            (*place)->handle = ++last_handle;
        place = &(*place)->next;
    }
}

CK_RV store_erase(struct slot *slot) {
    CK_RV rv = CKR_OK;
    store_sync(slot);
    while (slot->objects && rv == CKR_OK)
        rv = store_remove(slot, slot->objects);
    return rv;
}

/* Names sort by the time at which they were made. */
static bool new_name(char *name) {
    struct timespec now;
    unsigned char chance[4];
    clock_gettime(CLOCK_REALTIME, &now);
    if (RAND_bytes_ex(library_context(), chance, sizeof chance, 0) != 1)
        return false;
    unsigned long long time = (unsigned long long)now.tv_sec * 1000000000ULL + (unsigned long long)now.tv_nsec;
    snprintf(name, NAME_SIZE, "%016llx%02x%02x%02x%02x%s", time, chance[0], chance[1], chance[2], chance[3], ending);
    return true;
}

CK_RV store_add(struct slot *slot, CK_SESSION_HANDLE session, struct attributes *attributes, CK_OBJECT_HANDLE *handle) {
    char name[NAME_SIZE] = "";
    bool of_token = flag_in(attributes, CKA_TOKEN);
    CK_RV rv = CKR_OK;
    if (of_token)
        rv = new_name(name) ? write_object(slot, name, attributes) : CKR_DEVICE_ERROR;
    if (rv != CKR_OK)
        return rv;
    struct object *object = append(slot, attributes);
    if (!object)
        return CKR_HOST_MEMORY;
    strcpy(object->file, name);
    if (of_token)
        object->version = version_of(slot, name);
    object->session = of_token ? 0 : session;
    *handle = object->handle;
    return CKR_OK;
}

CK_RV store_replace(struct slot *slot, struct object *object, struct attributes *attributes) {
    CK_RV rv = *object->file ? write_object(slot, object->file, attributes) : CKR_OK;
    if (rv != CKR_OK)
        return rv;
    attributes_free(&object->attributes);
    object->attributes = *attributes;
    *attributes = (struct attributes){0};
    if (*object->file)
        object->version = version_of(slot, object->file);
    return CKR_OK;
}

CK_RV store_remove(struct slot *slot, struct object *object) {
    char path[4096];
    object_path(slot, object->file, path, sizeof path);
    if (*object->file && unlink(path) != 0)
        return CKR_DEVICE_ERROR;
    struct object **place = &slot->objects;
    while (*place != object)
        place = &(*place)->next;
    drop_at(place);
    return CKR_OK;
}

bool object_visible(const struct session *session, const struct object *object) {
    return session->slot->user == CKU_USER || !flag_in(&object->attributes, CKA_PRIVATE);
}

struct object *object_of(struct session *session, CK_OBJECT_HANDLE handle) {
    store_sync(session->slot);
    struct object *object = session->slot->objects;
    while (object && object->handle != handle)
        object = object->next;
    return object && object_visible(session, object) ? object : NULL;
}
