/* The signer: what it signs and what not, rotation, its death; and the sandbox that keeps the keys from everybody else.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sodium.h>

#include "base/file.h"
#include "http/tls.h"
#include "node/sandbox.h"
#include "node/signer.h"

struct bench {
    char folder[64], keys[96];
    struct signer *signer;
};

static void bench_open(struct bench *b) {
    struct diag d = {0};
    snprintf(b->folder, sizeof b->folder, "/tmp/renkei-signer-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    snprintf(b->keys, sizeof b->keys, "%s/keys", b->folder);
    assert_int_equal(file_make_folder(b->keys, 0700, &d), ERR_NONE);
    assert_int_equal(signer_keys_create(b->keys, 1, SPAN("JP-MOD"), SPAN("127.0.0.1"), 1780000000000000, &d), ERR_NONE);
    if (signer_start(b->keys, 1, &b->signer, &d)) fail_msg("%s", d.message);
}

static void bench_close(struct bench *b) {
    char command[128];
    signer_stop(&b->signer);
    assert_null(b->signer);
    snprintf(command, sizeof command, "rm -rf '%s'", b->folder);
    if (system(command)) print_message("%s is left behind\n", b->folder);
}

/* The process that holds the keys: our child of that name. */
static pid_t signer_process(void) {
    DIR *dir = opendir("/proc");
    pid_t found = 0;
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[300], text[512] = "";
        int parent = 0;
        char name[32] = "";
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        FILE *file = fopen(path, "r");
        if (!file) continue;
        if (fgets(text, sizeof text, file) && sscanf(text, "%*d (%31[^)]) %*c %d", name, &parent) == 2 &&
            parent == getpid() && strcmp(name, "renkei-signer") == 0)
            found = atoi(entry->d_name);
        fclose(file);
    }
    closedir(dir);
    return found;
}

static void signs_what_its_table_allows(void **state) {
    static const struct {
        enum signer_use use;
        const char *message;
        bool may;
    } cases[] = {
        {SIGNER_AGREEMENT, "renkei agreement signature v1\nabc\n", true},
        {SIGNER_AGREEMENT, "renkei card v1\n{}", true},
        {SIGNER_LOG, "renkei/jp-mod/us-dod/live/0011223344556677\n1\nx\n", true},
        {SIGNER_LOG, "cosignature/v1\ntime 1\nx\n", true},
        {SIGNER_LOG, "renkei agreement signature v1\nabc\n", false},
        {SIGNER_LOG, "renkei card v1\n{}", false},
        {SIGNER_AGREEMENT, "renkei/jp-mod/us-dod/live/0011223344556677\n1\nx\n", false},
        {SIGNER_AGREEMENT, "cosignature/v1\ntime 1\nx\n", false},
        {SIGNER_AGREEMENT, "renkei card v1", false},
        {SIGNER_AGREEMENT, "renkei card v2\n{}", false},
        {SIGNER_AGREEMENT, " renkei card v1\n{}", false},
        {SIGNER_AGREEMENT, "Renkei card v1\n{}", false},
        {SIGNER_LOG, "cosignature/v10\n", false},
        {SIGNER_LOG, "renkei", false},
        {SIGNER_LOG, "anything", false},
        {SIGNER_LOG, "", false},
        {SIGNER_AGREEMENT, "", false},
        {(enum signer_use)2, "renkei/x", false},
        {(enum signer_use)255, "renkei card v1\n", false},
    };
    struct bench b;
    bench_open(&b);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t signature[64] = {0}, key[32];
        struct diag d = {0};
        struct span message = span_cstr(cases[i].message);
        enum err e = signer_sign(b.signer, cases[i].use, message, signature, &d);
        if (cases[i].may && e) fail_msg("%s: %s", cases[i].message, d.message);
        if (!cases[i].may) {
            assert_int_equal(e, ERR_DENIED);
            continue;
        }
        signer_public(b.signer, cases[i].use, key);
        assert_int_equal(crypto_sign_verify_detached(signature, (const uint8_t *)message.at, message.len, key), 0);
        signer_public(b.signer, cases[i].use == SIGNER_LOG ? SIGNER_AGREEMENT : SIGNER_LOG, key);
        assert_int_not_equal(crypto_sign_verify_detached(signature, (const uint8_t *)message.at, message.len, key), 0);
    }
    bench_close(&b);
}

static void long_messages(void **state) {
    struct bench b;
    struct buf message = BUF_EMPTY;
    struct diag d = {0};
    uint8_t signature[64], key[32];
    bench_open(&b);
    buf_add_cstr(&message, "renkei/");
    while (message.len < SIGNER_MESSAGE_MAX) buf_add_char(&message, 'x');
    if (signer_sign(b.signer, SIGNER_LOG, buf_span(&message), signature, &d)) fail_msg("%s", d.message);
    signer_public(b.signer, SIGNER_LOG, key);
    assert_int_equal(crypto_sign_verify_detached(signature, (uint8_t *)message.at, message.len, key), 0);
    buf_add_char(&message, 'x');
    assert_int_equal(signer_sign(b.signer, SIGNER_LOG, buf_span(&message), signature, &d), ERR_LIMIT);
    assert_int_equal(signer_sign(b.signer, SIGNER_LOG, SPAN("renkei/x\n"), signature, &d), ERR_NONE); /* goes on */
    buf_free(&message);
    bench_close(&b);
}

static void signs_handshakes(void **state) {
    struct bench b;
    struct diag d = {0};
    uint8_t der[HTTP_TLS_SIGNATURE_MAX];
    struct sha256 pin, own, digest = sha256_of(SPAN("a handshake"));
    size_t len = 0;
    bench_open(&b);
    assert_int_equal(signer_tls_sign(b.signer, span_of(digest.b, 32), der, &len, &d), ERR_NONE);
    struct span pem = signer_tls_certificate(b.signer);
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    assert_non_null(certificate);
    EVP_PKEY_CTX *check = EVP_PKEY_CTX_new(X509_get0_pubkey(certificate), NULL);
    assert_true(EVP_PKEY_verify_init(check) == 1 && EVP_PKEY_CTX_set_signature_md(check, EVP_sha256()) == 1);
    assert_int_equal(EVP_PKEY_verify(check, der, len, digest.b, 32), 1);
    EVP_PKEY_CTX_free(check);
    X509_free(certificate);
    BIO_free(bio);
    assert_int_equal(http_tls_pin(pem, &pin, &d), ERR_NONE);
    signer_tls_pin(b.signer, &own);
    assert_true(sha256_equal(&pin, &own));
    /* A digest of no hash's length is refused, and the signer lives on. */
    static const size_t lengths[] = {0, 1, 31, 33, 47, 63, 65, 4096};
    static const char zeros[4096];
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        if (signer_tls_sign(b.signer, span_of(zeros, lengths[i]), der, &len, &d) == ERR_NONE)
            fail_msg("signs a digest of %zu bytes", lengths[i]);
    assert_int_equal(signer_tls_sign(b.signer, span_of(digest.b, 32), der, &len, &d), ERR_NONE);
    bench_close(&b);
}

static bool holds(struct span message, const uint8_t signature[64], const uint8_t key[32]) {
    return crypto_sign_verify_detached(signature, (const uint8_t *)message.at, message.len, key) == 0;
}

static void rotates_in_two_steps(void **state) {
    struct bench b;
    struct diag d = {0};
    struct signer_next next, again;
    struct span card = SPAN("renkei card v1\n{}");
    uint8_t old[32], key[32], signature[64];
    struct sha256 pin;
    bench_open(&b);
    signer_public(b.signer, SIGNER_AGREEMENT, old);
    assert_int_not_equal(signer_sign_next(b.signer, card, signature, &d), ERR_NONE); /* there is none */
    assert_int_not_equal(signer_switch(b.signer, &d), ERR_NONE);
    assert_int_equal(signer_rotate(b.signer, SPAN("JP-MOD"), SPAN("jp.example"), 1780000000000000, &next, &d),
                     ERR_NONE);
    assert_memory_not_equal(next.agreement, old, 32);
    /* An attempt that came to nothing does not stand in the way of the next. */
    assert_int_equal(signer_rotate(b.signer, SPAN("JP-MOD"), SPAN("jp.example"), 1780000000000000, &again, &d),
                     ERR_NONE);
    assert_memory_not_equal(next.agreement, again.agreement, 32);
    assert_int_equal(signer_sign_next(b.signer, card, signature, &d), ERR_NONE);
    assert_true(holds(card, signature, again.agreement));
    assert_int_not_equal(signer_sign_next(b.signer, SPAN("renkei/x\n"), signature, &d), ERR_NONE);
    assert_int_equal(signer_sign(b.signer, SIGNER_AGREEMENT, card, signature, &d), ERR_NONE);
    assert_true(holds(card, signature, old));
    assert_int_equal(signer_switch(b.signer, &d), ERR_NONE);
    assert_int_equal(signer_sign(b.signer, SIGNER_AGREEMENT, card, signature, &d), ERR_NONE);
    assert_true(holds(card, signature, again.agreement));
    signer_public(b.signer, SIGNER_LOG, key);
    assert_memory_equal(key, again.log, 32);
    signer_tls_pin(b.signer, &pin);
    assert_true(sha256_equal(&pin, &again.tls_pin));
    assert_int_not_equal(signer_switch(b.signer, &d), ERR_NONE);
    /* A restart has the same. */
    signer_stop(&b.signer);
    assert_int_equal(signer_start(b.keys, 2, &b.signer, &d), ERR_NONE);
    signer_public(b.signer, SIGNER_AGREEMENT, key);
    assert_memory_equal(key, again.agreement, 32);
    bench_close(&b);
}

static void its_death_is_told(void **state) {
    struct bench b;
    struct diag d = {0};
    uint8_t signature[64];
    bench_open(&b);
    pid_t process = signer_process();
    assert_true(process > 0);
    assert_int_equal(kill(process, SIGINT) | kill(process, SIGTERM), 0); /* these are its parent's to act on */
    assert_int_equal(signer_sign(b.signer, SIGNER_LOG, SPAN("renkei/x\n"), signature, &d), ERR_NONE);
    assert_int_equal(kill(process, SIGKILL), 0);
    assert_int_equal(signer_sign(b.signer, SIGNER_LOG, SPAN("renkei/x\n"), signature, &d), ERR_IO);
    assert_non_null(strstr(d.message, "signer"));
    assert_int_equal(signer_sign(b.signer, SIGNER_LOG, SPAN("renkei/x\n"), signature, &d), ERR_IO);
    bench_close(&b);
}

static void says_what_is_wrong_with_its_keys(void **state) {
    struct bench b;
    struct diag d = {0};
    struct signer *s = NULL;
    char path[160];
    bench_open(&b);
    assert_int_not_equal(signer_start(b.keys, 9, &s, &d), ERR_NONE);
    assert_null(s);
    snprintf(path, sizeof path, "%s/1/log.key", b.keys);
    assert_int_equal(file_write(path, SPAN("short"), 0600, &d), ERR_NONE);
    assert_int_not_equal(signer_start(b.keys, 1, &s, &d), ERR_NONE);
    assert_non_null(strstr(d.message, "log.key"));
    bench_close(&b);
}

static void *sign_much(void *context) {
    struct signer *s = context;
    uint8_t key[32];
    signer_public(s, SIGNER_LOG, key);
    for (int i = 0; i < 200; i++) {
        char text[64];
        uint8_t signature[64];
        struct diag d;
        struct span message = span_of(text, (size_t)snprintf(text, sizeof text, "renkei/%p/%d\n", (void *)text, i));
        if (signer_sign(s, SIGNER_LOG, message, signature, &d) || !holds(message, signature, key)) return NULL;
    }
    return s;
}

static void threads_may_ask_at_once(void **state) {
    struct bench b;
    pthread_t threads[4];
    bench_open(&b);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, sign_much, b.signer), 0);
    for (int i = 0; i < 4; i++) {
        void *done = NULL;
        pthread_join(threads[i], &done);
        assert_ptr_equal(done, b.signer);
    }
    bench_close(&b);
}

/* ---- the sandbox ---------------------------------------------------------------------------------------------------
 */

static bool can_open(const char *folder, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

static void *opens_key_in_thread(void *context) {
    return can_open(context, "1/agreement.key") ? context : NULL;
}

#define SAYS(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "does not hold: %s\n", #condition);                                                        \
            return 1;                                                                                                  \
        }                                                                                                              \
    } while (0)

/* In a child, for what is given up is given up for good. 0 = all holds, 77 = no landlock. */
static int confined(struct bench *b) {
    struct diag d = {0};
    uint8_t signature[64];
    struct signer_next next;
    char path[160], link[160];
    pthread_t thread;
    void *seen = NULL;
    struct signer *s = NULL;
    if (signer_start(b->keys, 1, &s, &d)) return 2;
    pid_t keeper = signer_process();
    int before = open(b->folder, O_RDONLY | O_DIRECTORY);
    enum err e = sandbox_forbid(b->keys, &d);
    if (e == ERR_UNSUPPORTED) return 77;
    SAYS(e == ERR_NONE && keeper > 0 && before >= 0);
    SAYS(!can_open(b->keys, "1/agreement.key") && !can_open(b->keys, "1/log.key") && !can_open(b->keys, "1/tls.key"));
    SAYS(!can_open(b->keys, "1/tls.crt") && opendir(b->keys) == NULL && !can_open(b->keys, "../keys/1/log.key"));
    SAYS(openat(before, "keys/1/log.key", O_RDONLY) < 0);
    snprintf(path, sizeof path, "%s/1/log.key", b->keys);
    snprintf(link, sizeof link, "%s/run/key", b->folder);
    SAYS(symlink(path, link) == 0 && !can_open(b->folder, "run/key"));
    SAYS(pthread_create(&thread, NULL, opens_key_in_thread, b->keys) == 0);
    pthread_join(thread, &seen);
    SAYS(seen == NULL);
    snprintf(path, sizeof path, "cat '%s/1/log.key' 2>/dev/null >/dev/null", b->keys);
    SAYS(system(path) != 0);
    SAYS(ptrace(PTRACE_ATTACH, keeper, NULL, NULL) != 0);
    snprintf(path, sizeof path, "/proc/%d/mem", keeper);
    SAYS(open(path, O_RDONLY) < 0);
    /* The rest goes on. */
    SAYS(can_open(b->folder, "renkei.yaml") && can_open(b->folder, "run/file") && can_open("/etc", "passwd"));
    snprintf(path, sizeof path, "%s/run/made-later", b->folder);
    SAYS(file_write(path, SPAN("x"), 0600, &d) == ERR_NONE && can_open(b->folder, "run/made-later"));
    SAYS(signer_sign(s, SIGNER_LOG, SPAN("renkei/x\n"), signature, &d) == ERR_NONE);
    SAYS(signer_rotate(s, SPAN("JP-MOD"), SPAN("x"), 1780000000000000, &next, &d) == ERR_NONE);
    SAYS(signer_switch(s, &d) == ERR_NONE && !can_open(b->keys, "2/log.key"));
    signer_stop(&s);
    return 0;
}

static void the_sandbox_keeps_the_keys(void **state) {
    struct bench b;
    struct diag d = {0};
    char path[160];
    int status = 0;
    bench_open(&b);
    signer_stop(&b.signer);
    snprintf(path, sizeof path, "%s/run", b.folder);
    assert_int_equal(file_make_folder(path, 0700, &d), ERR_NONE);
    snprintf(path, sizeof path, "%s/run/file", b.folder);
    assert_int_equal(file_write(path, SPAN("x"), 0600, &d), ERR_NONE);
    snprintf(path, sizeof path, "%s/renkei.yaml", b.folder);
    assert_int_equal(file_write(path, SPAN("x"), 0600, &d), ERR_NONE);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) _exit(confined(&b));
    waitpid(child, &status, 0);
    bench_close(&b);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("this kernel has no landlock: not tested\n");
        skip();
    }
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_what_its_table_allows),
        cmocka_unit_test(long_messages),
        cmocka_unit_test(signs_handshakes),
        cmocka_unit_test(rotates_in_two_steps),
        cmocka_unit_test(its_death_is_told),
        cmocka_unit_test(says_what_is_wrong_with_its_keys),
        cmocka_unit_test(threads_may_ask_at_once),
        cmocka_unit_test(the_sandbox_keeps_the_keys),
    };
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
