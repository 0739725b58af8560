#include <getopt.h>
#include <stdio.h>

#include "cli/card_print.h"
#include "cli/cli.h"

void card_print(void *context, struct json_value card, struct arena *a) {
    struct json_value prints = json_get(card, "fingerprints");
    printf("%-12s %s\n", cli_text(card, "party", a), cli_text(card, "name", a));
    printf("  url        %s\n  identity   %s\n  card       %lld, valid %.10s to %.10s\n", cli_text(card, "url", a),
           cli_text(card, "identity", a), (long long)cli_number(card, "serial"), cli_text(card, "valid_from", a),
           cli_text(card, "valid_until", a));
    printf("  agreement  %s\n  log        %s\n  TLS        %s\n", cli_text(prints, "agreement", a),
           cli_text(prints, "log", a), cli_text(prints, "tls", a));
}

static void print_text(void *context, struct json_value card, struct arena *a) {
    printf("%.*s\n", SPAN_ARG(json_raw(json_get(card, "text"))));
}

int command_card(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"show", 0, 0, 's'}, {0}};
    bool show = false;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c != 's') return cli_bad_flag("card", c, argv);
        show = true;
    }
    return cli_do(cli, "card", SPAN("{}"), show ? card_print : print_text, NULL);
}
