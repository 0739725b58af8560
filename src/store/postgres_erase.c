/* Erasure. What is deleted leaves PostgreSQL's files when the tables are written anew (VACUUM FULL) and its WAL with
 * the next checkpoints; archives of the WAL and replicas' files are their keepers' to clear (docs/scale.md). */
#include <stdio.h>

#include "store/postgres_driver.h"

#define DOOMED "(SELECT id FROM holding WHERE stix_id=$1 AND state<>2 AND ($2::bigint<0 OR source=$2))"

enum err pq_object_erase(struct store_tx *tx, struct span stix_id, int64_t source, uint64_t *versions, struct diag *d) {
    static const char *const steps[] = {
        "UPDATE entry SET derived=NULL,salt=NULL WHERE holding IN " DOOMED,
        "UPDATE received SET salt=NULL WHERE holding IN " DOOMED,
        "DELETE FROM ref WHERE holding IN " DOOMED,
        "UPDATE total t SET count=t.count-n.n FROM (SELECT type,count(*) AS n FROM holding WHERE id IN " DOOMED
        " GROUP BY type) n WHERE n.type=t.type",
        /* Another source's holding may share the bytes. */
        "DELETE FROM body b WHERE b.id IN (SELECT body FROM holding WHERE id IN " DOOMED
        ") AND NOT EXISTS(SELECT 1 FROM"
        " holding o WHERE o.stix_id=$1 AND o.body=b.id AND o.state<>2 AND NOT ($2::bigint<0 OR o.source=$2))",
    };
    struct connection *c;
    int64_t changed = 0;
    const struct value values[] = {v_bytes(stix_id), v_int(source)};
    enum err e = pq_writer(tx, &c, d);
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !e; i++) e = pq_run(c, steps[i], values, 2, NULL, d);
    if (!e)
        e = pq_run(c,
                   "UPDATE holding SET state=2,hash=decode(repeat('00',32),'hex'),revoked=0,observed=NULL,tlp=0,"
                   "confidence=NULL,labels=NULL WHERE id IN " DOOMED,
                   values, 2, &changed, d);
    if (!e && changed) e = pq_run(c, "DELETE FROM text_of", NO_VALUES, NULL, d);
    if (!e && changed) e = pq_holdings_altered(c, d);
    *versions = e ? 0 : (uint64_t)changed;
    return e;
}

enum err pq_scrub(struct store *base, struct diag *d) {
    static const char *const tables[] = {"holding", "body", "ref", "text_of", "entry", "received"};
    struct pq_store *s = (struct pq_store *)base;
    char text[64];
    if (s->mode != STORE_WRITE) return diag_set(d, ERR_DENIED, "the store is open for reading only");
    pthread_mutex_lock(&s->turn);
    enum err e = pq_revive(&s->writer, d);
    s->writer.failed = ERR_NONE;
    for (size_t i = 0; i < sizeof tables / sizeof *tables && !e; i++) {
        snprintf(text, sizeof text, "VACUUM FULL %s", tables[i]);
        e = pq_exec(&s->writer, text, d);
    }
    s->writer.failed = ERR_NONE;
    pthread_mutex_unlock(&s->turn);
    return e;
}
