#include "node/socket.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

enum {
    CALL_ARENA_MAX = 1 << 30,
    CALLS_MAX = 64,
    BACKLOG_MAX = 64 << 20, /* answers kept for a caller that reads slowly; one that lags further is given up */
    FLUSH_POLL_MS = 200
};

/* A frame is a 32-bit length in host order and that many bytes of JSON. A request {"op","args"}; answers {"result"},
 * {"progress"} and one {"end"}. Descriptors travel with the length of the request. */

static enum err socket_address(const char *home, struct sockaddr_un *address, struct diag *d) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int len = snprintf(address->sun_path, sizeof address->sun_path, "%s/run/renkei.sock", home);
    if (len < 0 || (size_t)len >= sizeof address->sun_path)
        return diag_set(d, ERR_LIMIT, "the path of %s is too long for a Unix socket: use a shorter --home", home);
    return ERR_NONE;
}

/* ---- frames ---------------------------------------------------------------------------------------------------------
 */

static bool send_all(int fd, const void *at, size_t len) {
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(fd, (const char *)at + sent, len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        sent += (size_t)n;
    }
    return true;
}

static bool receive_all(int fd, void *at, size_t len) {
    for (size_t got = 0; got < len;) {
        ssize_t n = recv(fd, (char *)at + got, len - got, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        got += (size_t)n;
    }
    return true;
}

static bool send_frame(int fd, struct span frame, const int *fds, size_t fd_count) {
    uint32_t len = (uint32_t)frame.len;
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(SOCKET_FDS_MAX * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = &len, .iov_len = sizeof len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (frame.len > SOCKET_FRAME_MAX || fd_count > SOCKET_FDS_MAX) return false;
    if (fd_count) {
        message.msg_control = control.room;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(head), fds, fd_count * sizeof(int));
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)sizeof len && send_all(fd, frame.at, frame.len);
}

static bool receive_frame(int fd, struct buf *out, int *fds, size_t *fd_count) {
    uint32_t len = 0;
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(SOCKET_FDS_MAX * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = &len, .iov_len = sizeof len};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
    ssize_t got;
    do got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got <= 0) return false;
    if (fds)
        for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head))
            if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
                *fd_count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                memcpy(fds, CMSG_DATA(head), *fd_count * sizeof(int));
            }
    if (got < (ssize_t)sizeof len && !receive_all(fd, (char *)&len + got, sizeof len - (size_t)got)) return false;
    if (len > SOCKET_FRAME_MAX) return false;
    buf_clear(out);
    char *at = buf_reserve(out, len);
    if (!at || !receive_all(fd, at, len)) return false;
    out->len = len;
    return true;
}

/* ---- the server's side
 * ------------------------------------------------------------------------------------------------ */

struct socket_server {
    struct node *node;
    struct op_table table;
    socket_after after;
    void *context;
    int listener;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    unsigned calls;
    struct connection *connections; /* those of the calls */
    bool stopping;
    char path[108];
};

struct connection {
    struct socket_server *server;
    int fd;
    char actor[32];
    bool patient;       /* may be kept waiting by its reader: holds up nobody but itself */
    bool gone;          /* the caller is: a work begun goes on without it */
    struct buf backlog; /* of frames, not yet sent */
    struct connection *next;
};

/* An operation may hold the writer while it tells: a caller that does not read must not stop it, and with it the node.
 */
static void tell(struct connection *c, struct span frame) {
    uint32_t len = (uint32_t)frame.len;
    if (c->gone || frame.len > SOCKET_FRAME_MAX) return;
    if (c->patient) {
        c->gone = !send_frame(c->fd, frame, NULL, 0);
        return;
    }
    buf_add(&c->backlog, span_of(&len, sizeof len));
    buf_add(&c->backlog, frame);
    while (c->backlog.len > 0) {
        ssize_t n = send(c->fd, c->backlog.at, c->backlog.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            c->gone = (errno != EAGAIN && errno != EWOULDBLOCK) || c->backlog.len > BACKLOG_MAX;
            break;
        }
        buf_consume(&c->backlog, (size_t)n);
    }
    c->gone = c->gone || !buf_ok(&c->backlog);
}

static bool is_stopping(struct socket_server *s) {
    pthread_mutex_lock(&s->lock);
    bool stopping = s->stopping;
    pthread_mutex_unlock(&s->lock);
    return stopping;
}

/* What the caller has not read yet, once the work is done; a server that stops waits for nobody's reading. */
static void flush(struct connection *c) {
    while (!c->gone && c->backlog.len > 0 && !is_stopping(c->server)) {
        struct pollfd ready = {.fd = c->fd, .events = POLLOUT};
        if (poll(&ready, 1, FLUSH_POLL_MS) <= 0) continue;
        ssize_t n = send(c->fd, c->backlog.at, c->backlog.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) buf_consume(&c->backlog, (size_t)n);
        c->gone = n < 0 && errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK;
    }
}

static void send_result(void *context, struct span json) {
    struct connection *c = context;
    struct buf frame = BUF_EMPTY;
    buf_add_cstr(&frame, "{\"result\":");
    buf_add(&frame, json);
    buf_add_char(&frame, '}');
    if (buf_ok(&frame)) tell(c, buf_span(&frame));
    buf_free(&frame);
}

static void send_progress(void *context, const char *what, const char *unit, uint64_t done, uint64_t total) {
    struct connection *c = context;
    struct buf frame = BUF_EMPTY;
    struct json_writer w = json_writer(&frame);
    json_begin_object(&w);
    json_key(&w, "progress");
    json_begin_object(&w);
    json_member_cstr(&w, "what", what);
    json_member_cstr(&w, "unit", unit);
    json_member_number(&w, "done", (int64_t)done);
    json_member_number(&w, "total", (int64_t)total);
    json_end_object(&w);
    json_end_object(&w);
    if (buf_ok(&frame)) tell(c, buf_span(&frame));
    buf_free(&frame);
}

static void send_end(struct connection *c, enum err e, const struct diag *d) {
    struct buf frame = BUF_EMPTY;
    struct json_writer w = json_writer(&frame);
    json_begin_object(&w);
    json_key(&w, "end");
    json_begin_object(&w);
    json_member_number(&w, "code", e);
    if (e) {
        json_member_cstr(&w, "message", d->message);
        json_member_cstr(&w, "where", d->where);
        json_member_number(&w, "line", (int64_t)d->line);
        json_member_number(&w, "column", (int64_t)d->column);
    }
    json_end_object(&w);
    json_end_object(&w);
    tell(c, buf_span(&frame));
    buf_free(&frame);
}

static enum err run_request(struct connection *c, struct span request, const int *fds, size_t fd_count,
                            struct diag *d) {
    struct arena a;
    struct json_doc doc;
    struct op_listener listener = {send_result, send_progress, c};
    arena_init(&a, CALL_ARENA_MAX);
    enum err e = json_parse(&a, request, &doc, d);
    if (!e && json_type(json_get(json_root(&doc), "args")) != JSON_OBJECT)
        e = diag_set(d, ERR_SYNTAX, "a request is {\"op\": name, \"args\": {…}}");
    if (!e) {
        const struct op *op = op_find(c->server->table, json_text(json_get(json_root(&doc), "op"), &a));
        struct json_value who = json_get(json_root(&doc), "as");
        const struct op_credentials as = {.name = json_text(json_get(who, "name"), &a),
                                          .password = json_text(json_get(who, "password"), &a),
                                          .token = json_text(json_get(who, "token"), &a),
                                          .new_password = json_text(json_get(who, "new_password"), &a)};
        struct op_call call = {.node = c->server->node,
                               .realm = &c->server->node->live,
                               .args = json_get(json_root(&doc), "args"),
                               .fds = fds,
                               .fd_count = fd_count,
                               .actor = c->actor,
                               .as = &as,
                               .arena = &a,
                               .listener = &listener};
        if (!op)
            e = diag_set(d, ERR_UNSUPPORTED,
                         "the running server does not know this command: restart it with the newer renkei");
        else
            e = op_run(op, &call, d);
        if (op && c->server->after) c->server->after(c->server->context, op);
    }
    arena_free(&a);
    return e;
}

static void *serve_connection(void *context) {
    struct connection *c = context;
    struct socket_server *s = c->server;
    struct buf request = BUF_EMPTY;
    int fds[SOCKET_FDS_MAX];
    size_t fd_count = 0;
    struct diag d = {0};
    if (receive_frame(c->fd, &request, fds, &fd_count)) {
        enum err e = run_request(c, buf_span(&request), fds, fd_count, &d);
        send_end(c, e, &d);
        flush(c);
    }
    for (size_t i = 0; i < fd_count; i++) close(fds[i]);
    buf_free(&request);
    pthread_mutex_lock(&s->lock);
    for (struct connection **at = &s->connections; *at; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            break;
        }
    close(c->fd); /* under the lock: socket_server_stop() may be looking at it */
    buf_free(&c->backlog);
    free(c);
    s->calls--;
    pthread_cond_broadcast(&s->idle);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* The kernel says who is at the other end; the file's mode is the first gate, this the second. */
static bool caller_allowed(int fd, char *actor, size_t size) {
    struct ucred who;
    socklen_t len = sizeof who;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0) return false;
    snprintf(actor, size, "uid:%u", (unsigned)who.uid);
    return who.uid == geteuid() || who.uid == 0;
}

static bool start_call(struct socket_server *s, int fd) {
    struct connection *c = calloc(1, sizeof *c);
    pthread_t thread;
    if (!c || !caller_allowed(fd, c->actor, sizeof c->actor)) {
        free(c);
        return false;
    }
    c->server = s;
    c->fd = fd;
    pthread_mutex_lock(&s->lock);
    while (s->calls >= CALLS_MAX && !s->stopping) pthread_cond_wait(&s->idle, &s->lock);
    bool started = !s->stopping && pthread_create(&thread, NULL, serve_connection, c) == 0;
    if (started) {
        s->calls++;
        c->next = s->connections;
        s->connections = c;
    }
    pthread_mutex_unlock(&s->lock);
    if (started)
        pthread_detach(thread);
    else
        free(c);
    return started;
}

static void *accept_calls(void *context) {
    struct socket_server *s = context;
    for (;;) {
        int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
        if (fd < 0) return NULL; /* shut down */
        if (!start_call(s, fd)) close(fd);
    }
}

enum err socket_server_start(struct node *n, struct op_table table, socket_after after, void *context,
                             struct socket_server **out, struct diag *d) {
    struct sockaddr_un address;
    enum err e = socket_address(n->home, &address, d);
    if (e) return e;
    struct socket_server *s = calloc(1, sizeof *s);
    if (!s) return diag_set(d, ERR_NOMEM, "no memory for the command socket");
    *s = (struct socket_server){.node = n, .table = table, .after = after, .context = context};
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->idle, NULL);
    memcpy(s->path, address.sun_path, sizeof s->path);
    unlink(s->path); /* left by a killed server: the store's lock says that no other one runs */
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mode_t mask = umask(0177);
    bool bound = s->listener >= 0 && bind(s->listener, (struct sockaddr *)&address, sizeof address) == 0;
    umask(mask);
    if (!bound || listen(s->listener, 16) != 0 || pthread_create(&s->thread, NULL, accept_calls, s) != 0) {
        e = diag_set(d, ERR_IO, "%s: %s", s->path, strerror(errno));
        if (s->listener >= 0) close(s->listener);
        free(s);
        return e;
    }
    *out = s;
    return ERR_NONE;
}

void socket_server_stop(struct socket_server **server) {
    struct socket_server *s = *server;
    if (!s) return;
    unlink(s->path);
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_broadcast(&s->idle);
    pthread_mutex_unlock(&s->lock);
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
    pthread_mutex_lock(&s->lock);
    /* Who has not said yet what it wants will not be heard any more. */
    for (struct connection *c = s->connections; c; c = c->next) shutdown(c->fd, SHUT_RD);
    while (s->calls > 0) pthread_cond_wait(&s->idle, &s->lock);
    pthread_mutex_unlock(&s->lock);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->idle);
    free(s);
    *server = NULL;
}

/* ---- the caller's side
 * -------------------------------------------------------------------------------------------------- */

static void hear_progress(struct json_value p, const struct op_listener *listener, struct arena *a) {
    int64_t done = 0, total = 0;
    char *what = arena_cstr(a, json_text(json_get(p, "what"), a)),
         *unit = arena_cstr(a, json_text(json_get(p, "unit"), a));
    (void)(json_int(json_get(p, "done"), &done) && json_int(json_get(p, "total"), &total));
    if (what && unit && listener->progress)
        listener->progress(listener->context, what, unit, (uint64_t)done, (uint64_t)total);
}

static enum err hear_end(struct json_value end, struct arena *a, struct diag *d) {
    int64_t code = ERR_INTERNAL, line = 0, column = 0;
    if (!json_int(json_get(end, "code"), &code) || code == ERR_NONE) return code ? ERR_INTERNAL : ERR_NONE;
    diag_set(d, (enum err)code, "%.*s", SPAN_ARG(json_text(json_get(end, "message"), a)));
    if (json_int(json_get(end, "line"), &line) && json_int(json_get(end, "column"), &column))
        diag_at(d, (uint64_t)line, (uint64_t)column, 0);
    diag_where(d, "%.*s", SPAN_ARG(json_text(json_get(end, "where"), a)));
    return (enum err)code;
}

static enum err hear(int fd, const struct op_listener *listener, struct diag *d) {
    struct buf frame = BUF_EMPTY;
    struct arena a;
    struct json_doc doc;
    enum err e = ERR_NONE;
    arena_init(&a, CALL_ARENA_MAX);
    for (bool ended = false; !e && !ended;) {
        if (!receive_frame(fd, &frame, NULL, NULL)) {
            e = diag_set(d, ERR_IO, "the running server went away in the middle; what it had acknowledged is kept");
            break;
        }
        arena_reset(&a);
        if ((e = json_parse(&a, buf_span(&frame), &doc, d))) break;
        struct json_value result = json_get(json_root(&doc), "result"),
                          progress = json_get(json_root(&doc), "progress");
        if (json_exists(result) && listener->result) listener->result(listener->context, json_raw(result));
        if (json_exists(progress)) hear_progress(progress, listener, &a);
        ended = json_exists(json_get(json_root(&doc), "end"));
        if (ended) e = hear_end(json_get(json_root(&doc), "end"), &a, d);
    }
    arena_free(&a);
    buf_free(&frame);
    return e;
}

static enum err write_request(const char *name, struct span args, const struct op_credentials *as, struct buf *out,
                              struct diag *d) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_member_cstr(&w, "op", name);
    json_key(&w, "args");
    json_splice(&w, args);
    if (as) {
        json_key(&w, "as");
        json_begin_object(&w);
        json_member(&w, "name", as->name);
        json_member(&w, "password", as->password);
        if (as->token.at) json_member(&w, "token", as->token);
        if (as->new_password.at) json_member(&w, "new_password", as->new_password);
        json_end_object(&w);
    }
    json_end_object(&w);
    return buf_ok(out) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for the command");
}

enum err socket_call(const char *home, const char *name, struct span args, const struct op_credentials *as,
                     const int *fds, size_t fd_count, const struct op_listener *listener, bool *reached,
                     struct diag *d) {
    struct sockaddr_un address;
    struct buf request = BUF_EMPTY;
    *reached = false;
    enum err e = socket_address(home, &address, d);
    if (e) return e;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return diag_set(d, ERR_IO, "no socket: %s", strerror(errno));
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return diag_set(d, ERR_NOT_FOUND, "no server runs in %s", home);
    }
    *reached = true;
    if ((e = write_request(name, args, as, &request, d))) goto out;
    if (!send_frame(fd, buf_span(&request), fds, fd_count))
        e = diag_set(d, ERR_IO, "the running server does not take the command");
    else
        e = hear(fd, listener, d);
out:
    buf_free(&request);
    close(fd);
    return e;
}

/* ---- without a server
 * ------------------------------------------------------------------------------------------------ */

/* The child: never returns. */
static void run_alone(int fd, const char *home, struct op_table table, const struct op *op, struct span request,
                      const int *fds, size_t fd_count) {
    struct diag d = {0};
    struct socket_server server = {.table = table};
    struct connection c = {.server = &server, .fd = fd, .patient = true};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(c.actor, sizeof c.actor, "uid:%u", (unsigned)getuid());
    enum err e = node_open(home, op->mode, &server.node, &d);
    if (!e) e = run_request(&c, request, fds, fd_count, &d);
    node_close(&server.node); /* first, so that the caller finds the store free when it hears the end */
    send_end(&c, e, &d);
    _exit(0);
}

enum err socket_call_child(const char *home, struct op_table table, const struct op *op, struct span args,
                           const struct op_credentials *as, const int *fds, size_t fd_count,
                           const struct op_listener *listener, struct diag *d) {
    struct buf request = BUF_EMPTY;
    int pair[2];
    enum err e = write_request(op->name, args, as, &request, d);
    if (!e && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        e = diag_set(d, ERR_IO, "no socket: %s", strerror(errno));
    if (e) {
        buf_free(&request);
        return e;
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(pair[0]);
        run_alone(pair[1], home, table, op, buf_span(&request), fds, fd_count);
    }
    close(pair[1]);
    e = child < 0 ? diag_set(d, ERR_IO, "no process for the command: %s", strerror(errno)) : hear(pair[0], listener, d);
    close(pair[0]);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    buf_free(&request);
    return e;
}
