#include "node/doctor.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/landlock.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "http/client.h"
#include "ledger/note.h"
#include "share/hold.h"

enum {
    PATH_SIZE = 4096,
    TEXT_SIZE = 768,
    DOCTOR_ARENA_MAX = 64 << 20,
    CERTIFICATE_MAX = 64 << 10,
    ENDS_SOON_DAYS = 30,
    DISK_LOW_PERCENT = 10,
    CLOCK_APART_S = 120, /* TLS and agreements are in days; alerts that are minutes off mislead */
    FILES_WANTED = 4096,
    PARTNER_TIMEOUT_MS = 5000,
    CARD_REPLY_MAX = 4 << 20
};
#define DISK_LOW_BYTES (UINT64_C(1) << 30)

struct doctor {
    const char *home;
    const struct doctor_options *options;
    enum doctor_level worst;
    const char *check; /* the one at work */
    struct arena arena;
    struct node *node; /* open for reading; NULL when it cannot be */
    struct node_view *view;
    struct diag trouble; /* why it cannot */
};

static void tell(struct doctor *x, enum doctor_level level, const char *advice, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void tell(struct doctor *x, enum doctor_level level, const char *advice, const char *format, ...) {
    char message[TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    struct doctor_finding f = {x->check, level, message, advice};
    if (level > x->worst) x->worst = level;
    x->options->found(x->options->context, &f);
}

static void path_of(const struct doctor *x, char path[PATH_SIZE], const char *name) {
    if (snprintf(path, PATH_SIZE, "%s/%s", x->home, name) >= PATH_SIZE) path[0] = 0;
}

/* ---- files ---- */

static void check_folder(struct doctor *x) {
    static const char *const names[] = {"", "keys", "realms", "realms/live", "run"};
    bool well = true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[PATH_SIZE];
        struct stat st;
        path_of(x, path, names[i]);
        if (stat(path, &st) != 0) {
            tell(x, DOCTOR_ERROR, "restore it from a backup, or give the right --home", "%s: %s", path,
                 strerror(errno));
            well = false;
        } else if (strcmp(names[i], "keys") == 0 && st.st_mode & 077) {
            tell(x, DOCTOR_ERROR, "chmod 700 it, and think of `renkei key rotate`: others could read the keys",
                 "%s is open to other users (mode %o)", path, st.st_mode & 0777);
            well = false;
        } else if (st.st_mode & 022) {
            tell(x, DOCTOR_ERROR, "chmod 700 it", "%s can be changed by other users (mode %o)", path,
                 st.st_mode & 0777);
            well = false;
        }
    }
    if (well) tell(x, DOCTOR_OK, "", "%s is there, and its own", x->home);
}

static void check_configuration(struct doctor *x) {
    char text[TEXT_SIZE];
    if (x->node)
        tell(x, DOCTOR_OK, "", "renkei.yaml can be read: the node of %.*s", SPAN_ARG(x->view->own.party));
    else
        tell(x, DOCTOR_ERROR, "nothing works before this is mended", "%s", diag_text(&x->trouble, text, sizeof text));
}

/* ---- keys, cards ---- */

static void check_key_file(struct doctor *x, uint32_t serial, const char *name, bool *well) {
    char below[64], path[PATH_SIZE];
    struct stat st;
    snprintf(below, sizeof below, "keys/%u/%s", serial, name);
    path_of(x, path, below);
    if (stat(path, &st) != 0)
        tell(x, DOCTOR_ERROR, "put it back from the backup of the keys", "%s: %s", path, strerror(errno));
    else if (st.st_mode & 077)
        tell(x, DOCTOR_ERROR, "chmod 600 it, and think of `renkei key rotate`", "%s can be read by others (mode %o)",
             path, st.st_mode & 0777);
    else if (access(path, R_OK) != 0)
        tell(x, DOCTOR_ERROR, "run as the user the node belongs to", "%s: %s", path, strerror(errno));
    else
        return;
    *well = false;
}

static void check_keys(struct doctor *x) {
    static const char *const names[] = {"agreement.key", "log.key", "tls.key", "tls.crt"};
    char below[64], path[PATH_SIZE];
    struct buf pem = BUF_EMPTY;
    struct sha256 pin;
    struct diag d = {0};
    bool well = true;
    uint32_t serial = x->view->own.serial;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_key_file(x, serial, names[i], &well);
    if (!well) return;
    snprintf(below, sizeof below, "keys/%u/tls.crt", serial);
    path_of(x, path, below);
    enum err e = file_read(path, CERTIFICATE_MAX, &pem, &d);
    if (!e) e = http_tls_pin(buf_span(&pem), &pin, &d);
    if (e)
        tell(x, DOCTOR_ERROR, "put it back from a backup", "%s: %s", path, d.message);
    else if (!sha256_equal(&pin, &x->view->own.tls_pin))
        tell(x, DOCTOR_ERROR, "put back the certificate of the key on the card",
             "%s is of another key than the card says", path);
    else
        tell(x, DOCTOR_OK, "", "the keys of card %u are there, and the certificate is the card's", serial);
    buf_free(&pem);
}

static void check_card(struct doctor *x, const struct card *c, const char *advice) {
    char ends[TIME_TEXT_SIZE];
    int64_t days = (c->valid_until - clock_now(clock_system())) / (86400 * TIME_US_PER_S);
    enum doctor_level level = days < 0 ? DOCTOR_ERROR : days < ENDS_SOON_DAYS ? DOCTOR_WARNING : DOCTOR_OK;
    tell(x, level, level ? advice : "", "card %u of %.*s %s %s", c->serial, SPAN_ARG(c->party),
         days < 0 ? "ended" : "ends", time_format_stix(c->valid_until, ends));
}

static void check_cards(struct doctor *x) {
    check_card(x, &x->view->own, "`renkei key rotate` makes the next");
    for (size_t i = 0; i < x->view->partner_count; i++)
        check_card(x, &x->view->partners[i], "ask the partner to rotate its keys, then `renkei sync`");
    if (x->view->partner_count == 0) tell(x, DOCTOR_WARNING, "`renkei party add CARD`", "no partner is trusted yet");
}

/* ---- clock, disk, limits ---- */

static void check_clock(struct doctor *x) {
    struct timex clock = {0};
    struct store_reader *r = NULL;
    struct store_ledger *ledgers;
    struct diag d;
    size_t count = 0;
    time_us now = clock_now(clock_system()), newest = TIME_NONE;
    if (!store_reader_open(x->node->live.store, &r, &d) && store_ledger_list(r, &x->arena, &ledgers, &count, &d))
        count = 0;
    for (size_t i = 0; i < count; i++)
        if (ledgers[i].last_time > newest) newest = ledgers[i].last_time;
    store_reader_close(&r);
    if (newest != TIME_NONE && newest > now + TIME_US_PER_S)
        tell(x, DOCTOR_ERROR, "set the clock: entries get times behind that one until it has caught up",
             "the clock is %lld s behind the newest entry of a ledger", (long long)((newest - now) / TIME_US_PER_S));
    else if (adjtimex(&clock) >= 0 && clock.status & STA_UNSYNC)
        tell(x, DOCTOR_WARNING, "run an NTP client: obligations are measured by this clock",
             "the kernel does not know this clock to be synchronised");
    else
        tell(x, DOCTOR_OK, "", "the clock is synchronised, and behind no entry");
}

static void check_disk(struct doctor *x) {
    char path[PATH_SIZE];
    struct statvfs disk;
    path_of(x, path, "realms/live");
    if (statvfs(path, &disk) != 0) {
        tell(x, DOCTOR_ERROR, "", "%s: %s", path, strerror(errno));
        return;
    }
    uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize, size = (uint64_t)disk.f_blocks * disk.f_frsize;
    if (disk.f_flag & ST_RDONLY)
        tell(x, DOCTOR_ERROR, "mount it for writing: nothing can be acknowledged", "the disk of %s is read-only", path);
    else if (left < DISK_LOW_BYTES || left < size / 100 * DISK_LOW_PERCENT)
        tell(x, left < DISK_LOW_BYTES / 4 ? DOCTOR_ERROR : DOCTOR_WARNING, "make room, or move the node",
             "the disk of %s has %" PRIu64 " MB left", path, left >> 20);
    else
        tell(x, DOCTOR_OK, "", "%" PRIu64 " GB left on the disk of the store", left >> 30);
}

static void check_limits(struct doctor *x) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_WANTED)
        tell(x, DOCTOR_WARNING, "LimitNOFILE=65536 in the unit, or ulimit -n", "only %llu files may be open at once",
             (unsigned long long)files.rlim_cur);
    else
        tell(x, DOCTOR_OK, "", "enough files may be open at once");
}

/* ---- store, ledgers ---- */

static void check_ledger(struct doctor *x, struct store_reader *r, const struct store_ledger *l) {
    struct ledger_key key;
    struct ledger_checkpoint head;
    struct share_hold hold;
    struct diag d = {0};
    enum err e = ledger_key_make(LEDGER_KEY_LOG, x->view->own.party, x->view->own.log_key, &key, &d);
    if (!e) e = ledger_note_open(&x->arena, l->checkpoint, &key, l->origin, &head, &d);
    if (share_hold_get(r, l->origin, &x->arena, &hold, &(struct diag){0}) == ERR_NONE)
        tell(x, hold.closed ? DOCTOR_OK : DOCTOR_WARNING, hold.closed ? "" : "`renkei sync` asks its recipient",
             "%.*s is %s since a restore", SPAN_ARG(l->origin), hold.closed ? "closed" : "on hold");
    else if (e)
        tell(x, DOCTOR_ERROR, "`renkei ledger verify` tells more", "%.*s: %s", SPAN_ARG(l->origin), d.message);
    else if (head.size != l->size)
        tell(x, DOCTOR_ERROR, "`renkei ledger verify` tells more",
             "%.*s: its checkpoint is of %" PRIu64 " entries, not %" PRIu64, SPAN_ARG(l->origin), head.size, l->size);
    else
        tell(x, DOCTOR_OK, "", "%.*s: %" PRIu64 " entries, %" PRIu64 " cosigned", SPAN_ARG(l->origin), l->size,
             l->cosigned_size);
}

static void check_ledgers(struct doctor *x) {
    struct store_reader *r = NULL;
    struct store_ledger *ledgers;
    struct diag d = {0};
    size_t count = 0;
    enum err e = store_reader_open(x->node->live.store, &r, &d);
    if (!e) e = store_ledger_list(r, &x->arena, &ledgers, &count, &d);
    if (e) tell(x, DOCTOR_ERROR, "restore the node from a backup", "the store does not answer: %s", d.message);
    for (size_t i = 0; !e && i < count; i++) check_ledger(x, r, &ledgers[i]);
    if (!e && count == 0) tell(x, DOCTOR_OK, "", "there is no ledger yet");
    store_reader_close(&r);
}

/* ---- the server, its sandbox ---- */

/* The process that serves, by its socket; 0 when none does. */
static pid_t serving(const struct doctor *x) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ucred peer = {0};
    socklen_t len = sizeof peer;
    int n = snprintf(address.sun_path, sizeof address.sun_path, "%s/run/renkei.sock", x->home);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && n > 0 && (size_t)n < sizeof address.sun_path &&
        connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
    if (fd >= 0) close(fd);
    return peer.pid;
}

static bool has_seccomp(pid_t pid) {
    char path[64], line[256];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && !found && fgets(line, sizeof line, f)) found = strncmp(line, "Seccomp:\t2", 10) == 0;
    if (f) fclose(f);
    return found;
}

static void check_server(struct doctor *x) {
    pid_t pid = serving(x);
    if (!pid)
        tell(x, DOCTOR_WARNING, "`renkei serve`, or systemctl start renkei", "no serve runs: partners reach nothing");
    else if (!has_seccomp(pid))
        tell(x, DOCTOR_WARNING, "see what serve said when it began", "serve (process %d) runs without seccomp",
             (int)pid);
    else
        tell(x, DOCTOR_OK, "", "serve runs as process %d, under seccomp", (int)pid);
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1)
        tell(x, DOCTOR_WARNING, "Linux 5.13 or later, with landlock among its security modules",
             "this kernel has no landlock: keys are kept apart by process only");
}

/* ---- partners ---- */

/* How far its clock is from ours, by its answer's Date (whole seconds). */
static int64_t seconds_apart(const struct http_reply *reply) {
    struct span date;
    struct tm tm = {0};
    char text[64];
    if (!http_reply_header(reply, "Date", &date) || date.len >= sizeof text) return 0;
    memcpy(text, date.at, date.len);
    text[date.len] = 0;
    if (!strptime(text, "%a, %d %b %Y %H:%M:%S", &tm)) return 0;
    return (int64_t)timegm(&tm) - (int64_t)time(NULL);
}

static void call_partner(struct doctor *x, const struct card *c) {
    struct http_client_config config = {.pins = &c->tls_pin,
                                        .pin_count = 1,
                                        .connect_timeout_ms = PARTNER_TIMEOUT_MS,
                                        .timeout_ms = PARTNER_TIMEOUT_MS};
    struct http_client *client = NULL;
    struct http_reply reply = HTTP_REPLY_EMPTY;
    struct diag d = {0};
    struct span base = c->url;
    while (base.len && base.at[base.len - 1] == '/') base.len--;
    struct span url = arena_printf(&x->arena, "%.*s/renkei/v1/card", SPAN_ARG(base));
    enum err e = http_client_open(&config, &client, &d);
    if (!e) e = http_client_send(client, "GET", url.at, NULL, 0, (struct span){0}, CARD_REPLY_MAX, &reply, &d);
    int64_t apart = e ? 0 : seconds_apart(&reply);
    if (e == ERR_VERIFY)
        tell(x, DOCTOR_ERROR, "`renkei sync` takes its successor card, if it rotated; else compare fingerprints",
             "%.*s answers with another key than its card's", SPAN_ARG(c->party));
    else if (e)
        tell(x, DOCTOR_ERROR, "ask the partner; look at routes and firewalls between", "%.*s: %s", SPAN_ARG(c->party),
             d.message);
    else if (apart > CLOCK_APART_S || apart < -CLOCK_APART_S)
        tell(x, DOCTOR_WARNING, "one of the two clocks is wrong", "the clock of %.*s is %lld s from ours",
             SPAN_ARG(c->party), (long long)apart);
    else
        tell(x, DOCTOR_OK, "", "%.*s answers", SPAN_ARG(c->party));
    http_client_close(&client);
    http_reply_free(&reply);
}

static void check_partners(struct doctor *x) {
    if (!x->options->partners) return;
    for (size_t i = 0; i < x->view->partner_count; i++) call_partner(x, &x->view->partners[i]);
}

/* ---- all of it ---- */

/* Adding one: a function, and a row here. `needs_node`: left out when the node cannot be opened. */
static const struct {
    const char *name;
    bool needs_node;
    void (*run)(struct doctor *x);
} checks[] = {
    {"folder", false, check_folder}, {"configuration", false, check_configuration},
    {"keys", true, check_keys},      {"cards", true, check_cards},
    {"clock", true, check_clock},    {"disk", false, check_disk},
    {"limits", false, check_limits}, {"ledgers", true, check_ledgers},
    {"server", false, check_server}, {"partners", true, check_partners},
};

enum doctor_level doctor_run(const char *home, const struct doctor_options *options) {
    struct doctor x = {.home = home, .options = options};
    arena_init(&x.arena, DOCTOR_ARENA_MAX);
    if (node_open(home, NODE_READ, &x.node, &x.trouble) == ERR_NONE) x.view = node_view(x.node);
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        x.check = checks[i].name;
        if (x.node || !checks[i].needs_node) checks[i].run(&x);
    }
    if (x.view) node_view_release(x.node, &x.view);
    node_close(&x.node);
    arena_free(&x.arena);
    return x.worst;
}
