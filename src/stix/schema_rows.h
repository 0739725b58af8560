/* How the tables of schema.c and schema_observable.c are spelt. For these two files only. */
#ifndef RENKEI_STIX_SCHEMA_ROWS_H
#define RENKEI_STIX_SCHEMA_ROWS_H

#include "stix/schema.h"

#define REQUIRED PROPERTY_REQUIRED
#define LIST     PROPERTY_LIST
#define PRECISE  PROPERTY_PRECISE

/* §2.10: integers are those that a double holds exactly. */
#define INTEGER_MAX INT64_C(9007199254740991)

#define ROW(name, ...)                                                                                                 \
    { name, sizeof(name) - 1, __VA_ARGS__ }
#define STR(name, flags)            ROW(name, PROPERTY_STRING, flags, 0, 0, 0, 0)
#define ENM(name, flags, words)     ROW(name, PROPERTY_ENUM, flags, " " words " ", 0, 0, 0)
#define VOC(name, flags, words)     ROW(name, PROPERTY_VOCABULARY, flags, " " words " ", 0, 0, 0)
#define BOO(name, flags)            ROW(name, PROPERTY_BOOLEAN, flags, 0, 0, 0, 0)
#define INT(name, flags, low, high) ROW(name, PROPERTY_INTEGER, flags, 0, low, high, 0)
#define SIZ(name)                   ROW(name, PROPERTY_INTEGER, 0, 0, 0, INTEGER_MAX, 0)
#define NUM(name, flags, low, high) ROW(name, PROPERTY_NUMBER, flags, 0, low, high, 0)
#define TIM(name, flags)            ROW(name, PROPERTY_TIME, flags, 0, 0, 0, 0)
#define IDF(name, flags, types)     ROW(name, PROPERTY_ID, flags, " " types " ", 0, 0, 0)
#define ANY(name, flags)            ROW(name, PROPERTY_ID, flags, 0, 0, 0, 0)
#define DIC(name, flags)            ROW(name, PROPERTY_DICTIONARY, flags, 0, 0, 0, 0)
#define HEX(name, flags)            ROW(name, PROPERTY_HEX, flags, 0, 0, 0, 0)
#define OBJ(name, flags, inner)     ROW(name, PROPERTY_OBJECT, flags, 0, 0, 0, inner)
#define KIND(name, kind, flags)     ROW(name, kind, flags, 0, 0, 0, 0)
#define HASHES(name)                ROW(name, PROPERTY_HASHES, 0, 0, 0, 0, 0)
#define END                                                                                                            \
    { 0, 0, PROPERTY_STRING, 0, 0, 0, 0, 0 }

#define TYPE(name, kind, properties, rules, contributing)                                                              \
    { name, sizeof(name) - 1, kind, properties, rules, contributing }

#define PROPERTIES(name) static const struct property name[]
#define RULES(name)      static const struct rule name##_rules[]

#endif
