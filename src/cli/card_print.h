/* How a card is shown to people: name, address, fingerprints to compare. */
#ifndef RENKEI_CLI_CARD_PRINT_H
#define RENKEI_CLI_CARD_PRINT_H

#include "json/json.h"

/* A cli_result for results of the operations "card" and "party.*". */
void card_print(void *context, struct json_value card, struct arena *a);

#endif
