/* Commands through a running server's socket: descriptors, several at once, callers that misbehave or go away. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "node/socket.h"

struct scene {
    struct fixture f;
    struct socket_server *server;
    char home[128];
    int afters; /* calls of after() */
    pthread_mutex_t lock;
};

static void count_after(void *context, const struct op *op) {
    struct scene *s = context;
    pthread_mutex_lock(&s->lock);
    s->afters++;
    pthread_mutex_unlock(&s->lock);
}

/* Holds the store's writer while it tells far more than a socket's buffer takes. */
static enum err op_talk(struct op_call *call, struct diag *d) {
    struct store_tx *tx;
    struct buf out = BUF_EMPTY;
    buf_add_cstr(&out, "{\"text\":\"");
    while (out.len < 10000) buf_add_char(&out, 'x');
    buf_add_cstr(&out, "\"}");
    enum err e = store_begin(call->realm->store, &tx, d);
    for (int i = 0; !e && i < op_number(call, "times", 1); i++) op_emit(call, &out);
    if (!e) e = store_commit(&tx, d);
    buf_free(&out);
    return e;
}

static struct op_table table(void) {
    static struct op ops[256];
    struct op_table own = node_operations();
    assert_true(own.count < sizeof ops / sizeof *ops);
    memcpy(ops, own.ops, own.count * sizeof *ops);
    ops[own.count] = (struct op){"talk", NODE_WRITE, op_talk};
    return (struct op_table){ops, own.count + 1};
}

static void scene_open(struct scene *s) {
    struct diag d = {0};
    *s = (struct scene){0};
    pthread_mutex_init(&s->lock, NULL);
    fixture_open(&s->f, 1);
    fixture_home(&s->f, JP, s->home);
    if (socket_server_start(s->f.nodes[JP], table(), count_after, s, &s->server, &d)) fail_msg("%s", d.message);
}

static void scene_close(struct scene *s) {
    int64_t start = clock_monotonic_us();
    socket_server_stop(&s->server);
    assert_null(s->server);
    assert_true(clock_monotonic_us() - start < 20 * TIME_US_PER_S);
    fixture_close(&s->f);
    pthread_mutex_destroy(&s->lock);
}

/* ---- a caller -------------------------------------------------------------------------------------------------------
 */

struct heard {
    struct buf text;
    unsigned results, progress;
};

static void hear_result(void *context, struct span json) {
    struct heard *h = context;
    h->results++;
    if (h->text.len < 1 << 20) buf_add(&h->text, json);
}

static void hear_progress(void *context, const char *what, const char *unit, uint64_t done, uint64_t total) {
    ((struct heard *)context)->progress++;
}

static enum err call(struct scene *s, const char *op, const char *args, const int *fds, size_t fd_count,
                     struct heard *h, struct diag *d) {
    bool reached = false;
    struct op_listener listener = {hear_result, hear_progress, h};
    enum err e = socket_call(s->home, op, span_cstr(args), NULL, fds, fd_count, &listener, &reached, d);
    assert_true(reached);
    return e;
}

static void object_text(struct scene *s, unsigned first, unsigned count, struct buf *out) {
    for (unsigned i = first; i < first + count; i++) {
        char words[40];
        snprintf(words, sizeof words, "indicator %u", i);
        fixture_object(&s->f, JP, out, span_cstr(words));
    }
}

static enum err import(struct scene *s, unsigned first, unsigned count, struct heard *h, struct diag *d) {
    struct buf text = BUF_EMPTY;
    object_text(s, first, count, &text);
    int fd = fixture_file(buf_span(&text));
    enum err e = call(s, "import.stix", "{\"files\":[\"file\"]}", &fd, 1, h, d);
    close(fd);
    buf_free(&text);
    return e;
}

static unsigned indicators_held(struct scene *s) {
    fixture_run(&s->f, JP, "status", "{}");
    const char *at = strstr(fixture_result(&s->f, 0, "holdings"), "\"indicator\":");
    return at ? (unsigned)atoi(at + strlen("\"indicator\":")) : 0;
}

static void descriptors_come_along(void **state) {
    struct scene s;
    struct heard h = {0};
    struct diag d = {0};
    struct buf text[2] = {0};
    int fds[2];
    scene_open(&s);
    for (unsigned i = 0; i < 2; i++) {
        object_text(&s, i * 10 + 1, 3, &text[i]);
        fds[i] = fixture_file(buf_span(&text[i]));
    }
    if (call(&s, "import.stix", "{\"files\":[\"one\",\"two\"]}", fds, 2, &h, &d)) fail_msg("%s", d.message);
    assert_true(span_find(buf_span(&h.text), SPAN("\"file\":\"two\",\"read\":3,\"added\":3")) != SIZE_MAX);
    assert_int_equal(indicators_held(&s), 6);
    assert_int_equal(s.afters, 1);
    for (int i = 0; i < 2; i++) {
        close(fds[i]);
        buf_free(&text[i]);
    }
    /* What fails on the other side is told as if it were here. */
    int fd = fixture_file(SPAN("{\"type\":\"indicator\"}"));
    assert_int_equal(call(&s, "import.stix", "{\"files\":[\"bad\"]}", &fd, 1, &h, &d), ERR_INVALID);
    assert_non_null(strstr(d.message, "rejected"));
    assert_string_equal(d.where, "bad");
    close(fd);
    int folder = open("/", O_RDONLY | O_DIRECTORY);
    assert_int_not_equal(call(&s, "import.stix", "{\"files\":[\"folder\"]}", &folder, 1, &h, &d), ERR_NONE);
    close(folder);
    assert_int_equal(call(&s, "import.stix", "{\"files\":[\"none\"]}", NULL, 0, &h, &d), ERR_NONE);
    assert_int_equal(call(&s, "import.stix", "{}", NULL, 0, &h, &d), ERR_NONE);
    assert_int_equal(call(&s, "no.such", "{}", NULL, 0, &h, &d), ERR_UNSUPPORTED);
    assert_int_equal(call(&s, "show", "{\"id\":1}", NULL, 0, &h, &d), ERR_NOT_FOUND);
    buf_free(&h.text);
    scene_close(&s);
}

struct caller {
    struct scene *s;
    unsigned first;
    bool done;
};

static void *calls(void *context) {
    struct caller *c = context;
    struct heard h = {0};
    struct diag d = {0};
    c->done = true;
    for (unsigned i = 0; i < 5; i++) {
        c->done = c->done && import(c->s, c->first + i * 10, 10, &h, &d) == ERR_NONE;
        c->done = c->done && call(c->s, "search", "{\"words\":\"example\"}", NULL, 0, &h, &d) == ERR_NONE;
        c->done = c->done && call(c->s, "status", "{}", NULL, 0, &h, &d) == ERR_NONE;
    }
    buf_free(&h.text);
    return NULL;
}

static void several_at_once(void **state) {
    struct scene s;
    struct caller callers[6];
    pthread_t threads[6];
    scene_open(&s);
    for (unsigned i = 0; i < 6; i++) {
        callers[i] = (struct caller){.s = &s, .first = 1000 * (i + 1)};
        assert_int_equal(pthread_create(&threads[i], NULL, calls, &callers[i]), 0);
    }
    for (unsigned i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
        assert_true(callers[i].done);
    }
    assert_int_equal(indicators_held(&s), 300);
    scene_close(&s);
}

/* ---- callers that misbehave
 * ------------------------------------------------------------------------------------------ */

static int connect_to(struct scene *s) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.80s/run/renkei.sock", s->home);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    struct timeval wait = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    return fd;
}

static void send_frame(int fd, uint32_t len, struct span bytes, const int *fds, size_t fd_count) {
    char room[CMSG_SPACE(250 * sizeof(int))];
    struct iovec parts[2] = {{&len, sizeof len}, {NULL, bytes.len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = bytes.len ? 2 : 1};
    memcpy(&parts[1].iov_base, &bytes.at, sizeof bytes.at);
    if (fd_count) {
        memset(room, 0, sizeof room);
        message.msg_control = room;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(head), fds, fd_count * sizeof(int));
    }
    (void)!sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* Whether the server closed without a word. */
static bool closed(int fd) {
    char byte;
    ssize_t n = recv(fd, &byte, 1, 0);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* The answer's code; -1 without one. */
static int answer(int fd) {
    char text[65536];
    size_t len = 0;
    ssize_t n;
    while (len < sizeof text - 1 && (n = recv(fd, text + len, sizeof text - 1 - len, 0)) > 0) len += (size_t)n;
    size_t at = span_find(span_of(text, len), SPAN("\"end\":{\"code\":"));
    text[len] = 0;
    return at == SIZE_MAX ? -1 : atoi(text + at + strlen("\"end\":{\"code\":"));
}

static int descriptors_open(void) {
    int count = 0;
    for (int fd = 0; fd < 1024; fd++) count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void hostile_frames(void **state) {
    static const char *const garbage[] = {
        "",
        "x",
        "{",
        "[]",
        "null",
        "\"op\"",
        "{}",
        "{\"op\":1}",
        "{\"op\":\"release\"}",
        "{\"op\":\"release\",\"args\":[]}",
        "{\"op\":\"release\",\"args\":null}",
        "{\"args\":{}}",
        "{\"op\":\"release\",\"op\":\"release\",\"args\":{}}",
        "{\"op\":\"\\ud800\",\"args\":{}}",
        "{\"op\":\"release\",\"args\":{}}{}",
        "\xff\xfe\x00",
    };
    struct scene s;
    struct heard h = {0};
    struct diag d = {0};
    scene_open(&s);
    /* Lengths that are none. */
    static const uint32_t lengths[] = {UINT32_MAX, SOCKET_FRAME_MAX + 1, 0x80000000u};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        int fd = connect_to(&s);
        send_frame(fd, lengths[i], SPAN("{}"), NULL, 0);
        assert_true(closed(fd));
        close(fd);
    }
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        int fd = connect_to(&s);
        struct span bytes = span_cstr(garbage[i]);
        send_frame(fd, (uint32_t)bytes.len, bytes, NULL, 0);
        if (answer(fd) <= 0) fail_msg("%s is not refused", garbage[i]);
        close(fd);
    }
    /* Too many descriptors: the kernel cuts, and none may stay open here. */
    int many[200], before = descriptors_open();
    for (size_t i = 0; i < 200; i++) many[i] = open("/dev/null", O_RDONLY);
    int fd = connect_to(&s);
    struct span request = SPAN("{\"op\":\"card\",\"args\":{}}");
    send_frame(fd, (uint32_t)request.len, request, many, 200);
    assert_int_equal(answer(fd), 0);
    close(fd);
    fd = connect_to(&s);
    send_frame(fd, UINT32_MAX, SPAN(""), many, 64);
    assert_true(closed(fd));
    close(fd);
    for (size_t i = 0; i < 200; i++) close(many[i]);
    for (int tries = 0; tries < 100 && descriptors_open() > before; tries++) usleep(20000);
    assert_int_equal(descriptors_open(), before);
    /* And it lives. */
    assert_int_equal(import(&s, 1, 2, &h, &d), ERR_NONE);
    buf_free(&h.text);
    scene_close(&s);
}

static void the_caller_goes_away(void **state) {
    struct scene s;
    struct heard h = {0};
    struct diag d = {0};
    struct buf text = BUF_EMPTY;
    struct span request = SPAN("{\"op\":\"import.stix\",\"args\":{\"files\":[\"file\"],\"warnings\":true}}");
    scene_open(&s);
    object_text(&s, 1, 2000, &text);
    /* In the middle of its own request: nothing is done. */
    int fd = connect_to(&s);
    send_frame(fd, (uint32_t)request.len, span_first(request, request.len - 2), NULL, 0);
    close(fd);
    /* Behind it: it is done. */
    int file = fixture_file(buf_span(&text));
    fd = connect_to(&s);
    send_frame(fd, (uint32_t)request.len, request, &file, 1);
    close(fd);
    close(file);
    for (int tries = 0; tries < 500 && indicators_held(&s) < 2000; tries++) usleep(20000);
    assert_int_equal(indicators_held(&s), 2000);
    assert_int_equal(import(&s, 3000, 1, &h, &d), ERR_NONE);
    buf_free(&h.text);
    buf_free(&text);
    scene_close(&s);
}

/* Somebody who asks much and reads nothing holds up neither the others nor the server's end. */
static void the_caller_does_not_read(void **state) {
    struct scene s;
    struct heard h = {0};
    struct diag d = {0};
    struct span request = SPAN("{\"op\":\"talk\",\"args\":{\"times\":500}}");
    scene_open(&s);
    int fd = connect_to(&s);
    send_frame(fd, (uint32_t)request.len, request, NULL, 0);
    usleep(300000);
    assert_int_equal(import(&s, 1, 2, &h, &d), ERR_NONE);
    /* A patient one gets all of it. */
    h.results = 0;
    assert_int_equal(call(&s, "talk", "{\"times\":3000}", NULL, 0, &h, &d), ERR_NONE);
    assert_int_equal(h.results, 3000);
    buf_free(&h.text);
    scene_close(&s); /* with fd still unread */
    close(fd);
}

static void the_caller_says_nothing(void **state) {
    struct scene s;
    scene_open(&s);
    int silent = connect_to(&s), half = connect_to(&s);
    send_frame(half, 1000, SPAN("{\"op\":"), NULL, 0);
    usleep(100000);
    scene_close(&s);
    close(silent);
    close(half);
}

static void where_it_lies(void **state) {
    struct scene s;
    struct diag d = {0};
    struct stat st;
    char path[200];
    bool reached = true;
    struct op_listener listener = {0};
    scene_open(&s);
    snprintf(path, sizeof path, "%s/run/renkei.sock", s.home);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    socket_server_stop(&s.server);
    assert_int_not_equal(stat(path, &st), 0);
    (void)!socket_call(s.home, "card", SPAN("{}"), NULL, NULL, 0, &listener, &reached, &d);
    assert_false(reached);
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = 0;
    reached = true;
    assert_int_equal(socket_call(path, "card", SPAN("{}"), NULL, NULL, 0, &listener, &reached, &d), ERR_LIMIT);
    assert_false(reached);
    fixture_close(&s.f);
    pthread_mutex_destroy(&s.lock);
}

/* ---- the whole way: op_dispatch()
 * ------------------------------------------------------------------------------------ */

static void commands_find_the_server_or_do_it_themselves(void **state) {
    struct scene s;
    struct diag d = {0};
    struct buf text = BUF_EMPTY;
    scene_open(&s);
    object_text(&s, 1, 3, &text);
    int file = fixture_file(buf_span(&text));
    if (fixture_dispatch(&s.f, JP, "import.stix", "{\"files\":[\"file\"]}", &file, 1, &d)) fail_msg("%s", d.message);
    assert_string_equal(fixture_result(&s.f, 0, "added"), "3");
    assert_true(s.afters > 0);                                                              /* the server did it */
    if (fixture_dispatch(&s.f, JP, "status", "{}", NULL, 0, &d)) fail_msg("%s", d.message); /* beside it */
    socket_server_stop(&s.server);
    lseek(file, 0, SEEK_SET);
    /* A writer without a socket: somebody else's. */
    assert_int_equal(fixture_dispatch(&s.f, JP, "import.stix", "{\"files\":[\"file\"]}", &file, 1, &d), ERR_BUSY);
    fixture_shut(&s.f, JP);
    lseek(file, 0, SEEK_SET);
    if (fixture_dispatch(&s.f, JP, "import.stix", "{\"files\":[\"file\"]}", &file, 1, &d)) fail_msg("%s", d.message);
    assert_string_equal(fixture_result(&s.f, 0, "known"), "3");
    if (fixture_dispatch(&s.f, JP, "key.rotate", "{}", NULL, 0, &d)) fail_msg("%s", d.message);
    assert_string_equal(fixture_result(&s.f, 0, "serial"), "2");
    close(file);
    buf_free(&text);
    fixture_close(&s.f);
    pthread_mutex_destroy(&s.lock);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_come_along),
        cmocka_unit_test(several_at_once),
        cmocka_unit_test(hostile_frames),
        cmocka_unit_test(the_caller_goes_away),
        cmocka_unit_test(the_caller_does_not_read),
        cmocka_unit_test(the_caller_says_nothing),
        cmocka_unit_test(where_it_lies),
        cmocka_unit_test(commands_find_the_server_or_do_it_themselves),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
