#include <stdio.h>

#include "cli/cli.h"

int command_completion(const struct cli *cli, int argc, char **argv) {
    if (argc != 2 || strcmp(argv[1], "bash") != 0) return cli_usage("completion", "completion bash is what there is");
    puts(
        "_renkei() {\n    local word=${COMP_WORDS[COMP_CWORD]} command= i\n    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        case ${COMP_WORDS[i]} in --home | --as) ((i++)) ;; -*) ;; *) command=${COMP_WORDS[i]}; break ;; "
        "esac\n    "
        "done\n    case $command in");
    for (size_t i = 0; i < command_count; i++)
        printf("    %s) COMPREPLY=($(compgen -W '%s --home --as --json --help' -f -- \"$word\")) ;;\n",
               commands[i].name, commands[i].flags);
    fputs("    *) COMPREPLY=($(compgen -W '", stdout);
    for (size_t i = 0; i < command_count; i++) printf("%s ", commands[i].name);
    puts(
        "--home --as --json --help --version' -- \"$word\")) ;;\n    esac\n}\ncomplete -o filenames -F _renkei renkei");
    return EXIT_OK;
}
