/* The file `options` in a token's folder: lines NAME = VALUE, `#` begins a comment. Read anew at each call, so that a test
 * can change a token's ways while a program uses it. */
#include "gost.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_yes(const char *value) {
    return strcmp(value, "yes") == 0;
}

static void keep(char *to, size_t size, const char *value) {
    snprintf(to, size, "%s", value);
}

static enum order order(const char *value) {
    return strcmp(value, "swapped") == 0 ? SWAPPED : strcmp(value, "reversed") == 0 ? REVERSED : STANDARD;
}

static void set(struct options *options, const char *name, const char *value) {
    if (strcmp(name, "signature-order") == 0)
        options->signature_order = order(value);
    else if (strcmp(name, "digest-order") == 0)
        options->digest_order = order(value);
    else if (strcmp(name, "protected-path") == 0)
        options->protected_path = is_yes(value);
    else if (strcmp(name, "pin-expired") == 0)
        options->pin_expired = is_yes(value);
    else if (strcmp(name, "public-value") == 0)
        options->value_wrapped = strcmp(value, "wrapped") == 0;
    else if (strcmp(name, "shortest-pin") == 0)
        options->shortest_pin = strtoul(value, NULL, 10);
    else if (strcmp(name, "longest-pin") == 0)
        options->longest_pin = strtoul(value, NULL, 10);
    else if (strcmp(name, "tries") == 0)
        options->tries = strtoul(value, NULL, 10);
    else if (strcmp(name, "manufacturer") == 0)
        keep(options->manufacturer, sizeof options->manufacturer, value);
    else if (strcmp(name, "model") == 0)
        keep(options->model, sizeof options->model, value);
    else if (strcmp(name, "serial") == 0)
        keep(options->serial, sizeof options->serial, value);
    else if (strcmp(name, "without-mechanism") == 0) {
        if (options->without_count < sizeof options->without / sizeof *options->without)
            options->without[options->without_count++] = strtoul(value, NULL, 0);
    } else if (strncmp(name, "slow ", 5) == 0 && strcmp(name + 5, current_call()) == 0)
        options->delay = strtoul(value, NULL, 10);
}

static char *trimmed(char *text) {
    text += strspn(text, " \t");
    size_t size = strlen(text);
    while (size && strchr(" \t\r", text[size - 1]))
        text[--size] = 0;
    return text;
}

void options_read(const struct slot *slot, struct options *options) {
    *options = (struct options){.shortest_pin = 6, .longest_pin = 249, .tries = 10};
    keep(options->manufacturer, sizeof options->manufacturer, "Aktiv Co.");
    keep(options->model, sizeof options->model, "Rutoken ECP");
    char path[4096];
    unsigned char *content;
    size_t size;
    slot_path(slot, "options", path, sizeof path);
    if (!file_read(path, &content, &size))
        return;
    char *rest, *line = strtok_r((char *)content, "\n", &rest);
    for (; line; line = strtok_r(NULL, "\n", &rest)) {
        char *comment = strchr(line, '#'), *equals = strchr(line, '=');
        if (comment)
            *comment = 0;
        if (!equals || (comment && comment < equals))
            continue;
        *equals = 0;
        set(options, trimmed(line), trimmed(equals + 1));
    }
    free(content);
}
