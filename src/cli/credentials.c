#include "cli/credentials.h"

#include "base/encode.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 /* more than ACCOUNT_PASSWORD_MAX, so that too long is told from wrong */ };

static void cut_line(struct buf *line) {
    char *end = line->len ? memchr(line->at, '\n', line->len) : NULL;
    if (end) line->len = (size_t)(end - line->at);
    if (line->len && line->at[line->len - 1] == '\r') line->len--;
}

/* The first line of a file. */
static enum err of_file(const char *path, const char *what, struct buf *out, struct diag *d) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *at = fd < 0 ? NULL : buf_reserve(out, LINE_MAX_BYTES);
    ssize_t n = at ? read(fd, at, LINE_MAX_BYTES) : -1;
    enum err e = n < 0 ? diag_set(d, ERR_IO, "cannot read the %s from %s: %s", what, path, strerror(errno)) : ERR_NONE;
    if (n > 0) out->len += (size_t)n;
    if (fd >= 0) close(fd);
    cut_line(out);
    return e;
}

static enum err of_terminal(const char *prompt, struct buf *out, struct diag *d) {
    struct termios shown, hidden;
    char *at = buf_reserve(out, LINE_MAX_BYTES);
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (fd < 0 || !at || tcgetattr(fd, &shown) != 0) {
        if (fd >= 0) close(fd);
        return diag_set(d, ERR_DENIED,
                        "no terminal to ask for the password on: RENKEI_PASSWORD_FILE names a file that has it");
    }
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    dprintf(fd, "%s: ", prompt);
    tcsetattr(fd, TCSAFLUSH, &hidden);
    ssize_t n = read(fd, at, LINE_MAX_BYTES);
    tcsetattr(fd, TCSAFLUSH, &shown);
    dprintf(fd, "\n");
    close(fd);
    if (n <= 0) return diag_set(d, ERR_DENIED, "no password was given");
    out->len += (size_t)n;
    cut_line(out);
    return ERR_NONE;
}

static enum err new_password(struct credentials *c, struct diag *d) {
    const char *file = getenv("RENKEI_NEW_PASSWORD_FILE");
    struct buf again = BUF_EMPTY;
    if (file) return of_file(file, "password", &c->new_password, d);
    enum err e = of_terminal("new password", &c->new_password, d);
    if (!e) e = of_terminal("once more", &again, d);
    if (!e && !span_equal(buf_span(&again), buf_span(&c->new_password)))
        e = diag_set(d, ERR_INVALID, "the two are not the same");
    buf_wipe(&again);
    return e;
}

enum err login_path(const struct cli *cli, bool make, struct buf *out, struct diag *d) {
    const char *runtime = getenv("XDG_RUNTIME_DIR"), *user = getenv("HOME");
    char *home = cli_home(cli), *whole = home ? realpath(home, NULL) : NULL;
    struct sha256 hash = sha256_of(span_cstr(whole ? whole : home ? home : ""));
    free(whole);
    free(home);
    if (runtime && runtime[0] == '/')
        buf_printf(out, "%s/renkei", runtime);
    else if (user && user[0] == '/')
        buf_printf(out, "%s/.local/state/renkei", user);
    else
        return diag_set(d, ERR_NOT_FOUND, "neither XDG_RUNTIME_DIR nor HOME says where to keep a login");
    enum err e = buf_cstr(out) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for a path");
    if (!e && make) e = file_make_folder(out->at, 0700, d);
    buf_add_cstr(out, "/login-");
    buf_add_hex(out, span_of(hash.b, 8)); /* one user may work on several nodes */
    return e ? e : buf_cstr(out) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for a path");
}

/* Of a file named, which must be there; or of the login, which may not. */
static enum err get_token(const struct cli *cli, struct buf *out, struct diag *d) {
    const char *file = cli->login_only ? NULL : getenv("RENKEI_TOKEN_FILE");
    struct buf path = BUF_EMPTY;
    struct diag none;
    if (file) return of_file(file, "token", out, d);
    if (!login_path(cli, false, &path, &none) && access(path.at, R_OK) == 0 && of_file(path.at, "login", out, &none))
        buf_clear(out);
    buf_free(&path);
    return ERR_NONE;
}

enum err credentials_get(const struct cli *cli, struct credentials *out, struct diag *d) {
    const char *name = cli->as           ? cli->as
                       : cli->login_only ? NULL
                                         : getenv("RENKEI_AS"),
               *file = getenv("RENKEI_PASSWORD_FILE");
    char prompt[128];
    enum err e = ERR_NONE;
    *out =
        (struct credentials){.name = BUF_EMPTY, .password = BUF_EMPTY, .token = BUF_EMPTY, .new_password = BUF_EMPTY};
    if (name && name[0]) {
        buf_add_cstr(&out->name, name);
        snprintf(prompt, sizeof prompt, "password of %.64s", name);
        e = file ? of_file(file, "password", &out->password, d) : of_terminal(prompt, &out->password, d);
    } else
        e = get_token(cli, &out->token, d);
    if (!e && cli->new_password) e = new_password(out, d);
    out->as = (struct op_credentials){.name = buf_span(&out->name),
                                      .password = buf_span(&out->password),
                                      .token = buf_span(&out->token),
                                      .new_password = buf_span(&out->new_password)};
    return e;
}

void credentials_free(struct credentials *c) {
    buf_free(&c->name);
    buf_wipe(&c->password);
    buf_wipe(&c->token);
    buf_wipe(&c->new_password);
}
