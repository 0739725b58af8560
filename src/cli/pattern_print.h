/* What `renkei pattern` found out about a pattern, for people and for programs. */
#ifndef RENKEI_CLI_PATTERN_PRINT_H
#define RENKEI_CLI_PATTERN_PRINT_H

#include "cli/telemetry.h"
#include "detect/observation_list.h"
#include "pattern/evaluate.h"
#include "pattern/necessary.h"
#include "pattern/stream.h"

struct pattern_answer {
    struct span text;
    enum err bad;     /* it is no pattern, or not one that can mean anything; the diagnosis says where and why */
    enum err trouble; /* that, or no answer for another reason */
    const struct pattern *pattern;
    struct pattern_program *program;
    /* explain */
    bool explained;
    const struct pattern_necessary *needs; /* one a [ ] */
    uint32_t need_count;
    const struct stream_plan *plan; /* NULL: no_plan says why */
    struct diag no_plan;
    /* test */
    enum err odd; /* evaluated although no pattern should say this; the oddity */
    struct diag oddity;
    bool tested, matched;
    uint32_t *binding;
    uint32_t binding_count;
    const struct observation_list *list;
    const struct telemetry_files *files;
    const uint32_t *ends; /* of each file: how many observations there are up to its end */
};

/* One pattern, asked for alone: the answer on stdout; what is wrong on stderr, with the pattern and a caret. */
void pattern_print(const struct pattern_answer *answer, struct diag *d);
/* One of many: a line on stdout, whatever it is. */
void pattern_print_line(const struct pattern_answer *answer, struct diag *d);
/* A line of JSON on stdout, whatever it is. */
void pattern_print_json(const struct pattern_answer *answer, struct diag *d);

#endif
