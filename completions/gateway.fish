# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_gateway_global_optspecs
    string join \n config= json log-format= q/quiet v/verbose h/help V/version
end

function __fish_gateway_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_gateway_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_gateway_using_subcommand
    set -l cmd (__fish_gateway_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c gateway -n "__fish_gateway_needs_command" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_needs_command" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_needs_command" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_needs_command" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_needs_command" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_needs_command" -s V -l version -d 'Print version'
complete -c gateway -n "__fish_gateway_needs_command" -f -a "serve" -d 'Run the gateway: open the tunnel, serve MCP, print the QR code'
complete -c gateway -n "__fish_gateway_needs_command" -f -a "mint-client" -d 'Make client credentials for Claude and print them once'
complete -c gateway -n "__fish_gateway_needs_command" -f -a "mint-token" -d 'Make a bearer token for a script or a program that cannot sign in, and print it once'
complete -c gateway -n "__fish_gateway_needs_command" -f -a "doctor" -d 'Check the set-up and name the cure of what is wrong'
complete -c gateway -n "__fish_gateway_needs_command" -f -a "pair" -d 'Pair a phone or browser: print a fresh link, QR code and consent code'
complete -c gateway -n "__fish_gateway_needs_command" -f -a "status" -d 'Show what the running gateway does'
complete -c gateway -n "__fish_gateway_needs_command" -f -a "tasks" -d 'Look at tasks, and answer what their agents ask'
complete -c gateway -n "__fish_gateway_needs_command" -f -a "projects" -d 'The folders that tasks may work in'
complete -c gateway -n "__fish_gateway_needs_command" -f -a "clients" -d 'The clients that may sign in, and the tokens that you made'
complete -c gateway -n "__fish_gateway_needs_command" -f -a "devices" -d 'The phones and browsers that are paired'
complete -c gateway -n "__fish_gateway_needs_command" -f -a "push-session" -d 'Hand a session of Claude Code over; reads what its hooks give them from stdin'
complete -c gateway -n "__fish_gateway_needs_command" -f -a "config" -d 'The configuration'
complete -c gateway -n "__fish_gateway_needs_command" -f -a "secrets" -d 'Secrets in the keyring (or the secrets file)'
complete -c gateway -n "__fish_gateway_needs_command" -f -a "service" -d 'Run the gateway as a service of your login session'
complete -c gateway -n "__fish_gateway_needs_command" -f -a "completions" -d 'Print a completion script'
complete -c gateway -n "__fish_gateway_needs_command" -f -a "man" -d 'Write the manual pages into a folder'
complete -c gateway -n "__fish_gateway_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gateway -n "__fish_gateway_using_subcommand serve" -l tunnel -d 'The tunnel: auto, none, ngrok or cloudflare-quick' -r
complete -c gateway -n "__fish_gateway_using_subcommand serve" -l listen -d 'Listen here; port 0 picks a free one' -r
complete -c gateway -n "__fish_gateway_using_subcommand serve" -l public-url -d 'The public https URL of an own reverse proxy' -r
complete -c gateway -n "__fish_gateway_using_subcommand serve" -l project -d 'Let tasks work in this folder; may be repeated' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand serve" -l qr-file -d 'Write the QR code of the pairing link to this file (.png or .svg), for you alone' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand serve" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand serve" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand serve" -l no-open -d 'Do not open the pairing page in a browser'
complete -c gateway -n "__fish_gateway_using_subcommand serve" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand serve" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand serve" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand mint-client" -l name -d 'A name to tell it by' -r
complete -c gateway -n "__fish_gateway_using_subcommand mint-client" -l scope -d 'Allow this scope (observe, files, run); may be repeated; all of them otherwise' -r
complete -c gateway -n "__fish_gateway_using_subcommand mint-client" -l project -d 'Allow only this project; may be repeated' -r
complete -c gateway -n "__fish_gateway_using_subcommand mint-client" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand mint-client" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand mint-client" -l public -d 'Make a client without a secret'
complete -c gateway -n "__fish_gateway_using_subcommand mint-client" -l rotate -d 'Give the client of this name a new secret; the old one stays valid for an hour'
complete -c gateway -n "__fish_gateway_using_subcommand mint-client" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand mint-client" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand mint-client" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand mint-client" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand mint-token" -l name -d 'A name to tell it by' -r
complete -c gateway -n "__fish_gateway_using_subcommand mint-token" -l scope -d 'Allow this scope (observe, files, run); may be repeated; all of them otherwise' -r
complete -c gateway -n "__fish_gateway_using_subcommand mint-token" -l project -d 'Allow only this project; may be repeated' -r
complete -c gateway -n "__fish_gateway_using_subcommand mint-token" -l expires -d 'Let it end after this time, 365d at most' -r
complete -c gateway -n "__fish_gateway_using_subcommand mint-token" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand mint-token" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand mint-token" -l allow-tunnel -d 'Let it count through the tunnel too, not on this machine alone'
complete -c gateway -n "__fish_gateway_using_subcommand mint-token" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand mint-token" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand mint-token" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand mint-token" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand doctor" -l only -d 'Run only this check; may be repeated' -r
complete -c gateway -n "__fish_gateway_using_subcommand doctor" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand doctor" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand doctor" -l strict -d 'Count warnings as failures'
complete -c gateway -n "__fish_gateway_using_subcommand doctor" -l deep -d 'Also sign in and run a task with a built-in stand-in agent'
complete -c gateway -n "__fish_gateway_using_subcommand doctor" -l public -d 'Also walk a client\'s whole way through the public address'
complete -c gateway -n "__fish_gateway_using_subcommand doctor" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand doctor" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand doctor" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand pair" -l qr-file -d 'Write the QR code to this file (.png or .svg), for you alone' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand pair" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand pair" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand pair" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand pair" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand pair" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand pair" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand status" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand status" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand status" -l follow -d 'Go on and print what changes'
complete -c gateway -n "__fish_gateway_using_subcommand status" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand status" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand status" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and not __fish_seen_subcommand_from list show tail result diff apply approve deny answer cancel help" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and not __fish_seen_subcommand_from list show tail result diff apply approve deny answer cancel help" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and not __fish_seen_subcommand_from list show tail result diff apply approve deny answer cancel help" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and not __fish_seen_subcommand_from list show tail result diff apply approve deny answer cancel help" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and not __fish_seen_subcommand_from list show tail result diff apply approve deny answer cancel help" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and not __fish_seen_subcommand_from list show tail result diff apply approve deny answer cancel help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and not __fish_seen_subcommand_from list show tail result diff apply approve deny answer cancel help" -f -a "list" -d 'List tasks, newest first'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and not __fish_seen_subcommand_from list show tail result diff apply approve deny answer cancel help" -f -a "show" -d 'Show a task and what it asks'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and not __fish_seen_subcommand_from list show tail result diff apply approve deny answer cancel help" -f -a "tail" -d 'Follow what a task\'s agent does'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and not __fish_seen_subcommand_from list show tail result diff apply approve deny answer cancel help" -f -a "result" -d 'Print a task\'s answer'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and not __fish_seen_subcommand_from list show tail result diff apply approve deny answer cancel help" -f -a "diff" -d 'Print a task\'s changes as a diff'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and not __fish_seen_subcommand_from list show tail result diff apply approve deny answer cancel help" -f -a "apply" -d 'Merge, keep or discard a finished task\'s work'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and not __fish_seen_subcommand_from list show tail result diff apply approve deny answer cancel help" -f -a "approve" -d 'Allow what a task\'s agent asks, or let it carry out its plan'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and not __fish_seen_subcommand_from list show tail result diff apply approve deny answer cancel help" -f -a "deny" -d 'Refuse what a task\'s agent asks'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and not __fish_seen_subcommand_from list show tail result diff apply approve deny answer cancel help" -f -a "answer" -d 'Answer a question of a task\'s agent, or tell it something while it works'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and not __fish_seen_subcommand_from list show tail result diff apply approve deny answer cancel help" -f -a "cancel" -d 'Cancel a task and every process it started'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and not __fish_seen_subcommand_from list show tail result diff apply approve deny answer cancel help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from list" -l state -d 'Only tasks in this state; may be repeated' -r
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from list" -l project -d 'Only tasks of this project' -r
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from list" -s n -l limit -d 'How many' -r
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from list" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from list" -l asking -d 'What tasks ask instead of the tasks: everything that waits for an answer'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from list" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from show" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from show" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from tail" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from tail" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from tail" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from tail" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from tail" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from tail" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from result" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from result" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from result" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from result" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from result" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from result" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from diff" -l path -d 'Only this file or folder' -r
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from diff" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from diff" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from diff" -l stat -d 'Only the number of changed lines per file'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from diff" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from diff" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from diff" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from apply" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from apply" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from apply" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from apply" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from apply" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from approve" -l request -d 'The request\'s id, when the task asks more than one thing' -r
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from approve" -l edit -d 'Allow this input instead: a whole JSON object, as `show` prints it' -r
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from approve" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from approve" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from approve" -l always -d 'Allow the very same in this task again, for 8 hours at most'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from approve" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from approve" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from approve" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from approve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from deny" -l request -d 'The request\'s id, when the task asks more than one thing' -r
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from deny" -s m -l message -d 'What the agent is told: why not, what to do instead, what to change in a plan' -r
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from deny" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from deny" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from deny" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from deny" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from deny" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from deny" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from answer" -l request -d 'The request\'s id, when the task asks more than one thing' -r
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from answer" -s m -l message -d 'Tell the agent this, although it asks nothing' -r
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from answer" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from answer" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from answer" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from answer" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from answer" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from answer" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from cancel" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from cancel" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from cancel" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from cancel" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from cancel" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from help" -f -a "list" -d 'List tasks, newest first'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show a task and what it asks'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from help" -f -a "tail" -d 'Follow what a task\'s agent does'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from help" -f -a "result" -d 'Print a task\'s answer'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from help" -f -a "diff" -d 'Print a task\'s changes as a diff'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from help" -f -a "apply" -d 'Merge, keep or discard a finished task\'s work'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from help" -f -a "approve" -d 'Allow what a task\'s agent asks, or let it carry out its plan'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from help" -f -a "deny" -d 'Refuse what a task\'s agent asks'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from help" -f -a "answer" -d 'Answer a question of a task\'s agent, or tell it something while it works'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from help" -f -a "cancel" -d 'Cancel a task and every process it started'
complete -c gateway -n "__fish_gateway_using_subcommand tasks; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and not __fish_seen_subcommand_from list add remove help" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand projects; and not __fish_seen_subcommand_from list add remove help" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand projects; and not __fish_seen_subcommand_from list add remove help" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and not __fish_seen_subcommand_from list add remove help" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and not __fish_seen_subcommand_from list add remove help" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and not __fish_seen_subcommand_from list add remove help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and not __fish_seen_subcommand_from list add remove help" -f -a "list" -d 'List the projects'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and not __fish_seen_subcommand_from list add remove help" -f -a "add" -d 'Add a folder to the configuration file'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and not __fish_seen_subcommand_from list add remove help" -f -a "remove" -d 'Remove a project from the configuration file; its folder stays'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and not __fish_seen_subcommand_from list add remove help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from list" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from list" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from add" -l name -d 'Its name; the folder\'s otherwise' -r
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from add" -l description -d 'A sentence for the chat' -r
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from add" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from add" -l default -d 'Make it the project of tasks that name none'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from add" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from remove" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from remove" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the projects'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from help" -f -a "add" -d 'Add a folder to the configuration file'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Remove a project from the configuration file; its folder stays'
complete -c gateway -n "__fish_gateway_using_subcommand projects; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and not __fish_seen_subcommand_from list revoke expire help" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand clients; and not __fish_seen_subcommand_from list revoke expire help" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand clients; and not __fish_seen_subcommand_from list revoke expire help" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and not __fish_seen_subcommand_from list revoke expire help" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and not __fish_seen_subcommand_from list revoke expire help" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and not __fish_seen_subcommand_from list revoke expire help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and not __fish_seen_subcommand_from list revoke expire help" -f -a "list" -d 'List the clients and tokens'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and not __fish_seen_subcommand_from list revoke expire help" -f -a "revoke" -d 'Remove a client or token; what it holds is refused from now on'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and not __fish_seen_subcommand_from list revoke expire help" -f -a "expire" -d 'Let a client or token work until a moment, then no more'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and not __fish_seen_subcommand_from list revoke expire help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from list" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from list" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from revoke" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from revoke" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from revoke" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from revoke" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from revoke" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from expire" -l in -d 'A duration from now such as `30d`, or a moment such as `2027-01-31T00:00:00Z`' -r
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from expire" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from expire" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from expire" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from expire" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from expire" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from expire" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the clients and tokens'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from help" -f -a "revoke" -d 'Remove a client or token; what it holds is refused from now on'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from help" -f -a "expire" -d 'Let a client or token work until a moment, then no more'
complete -c gateway -n "__fish_gateway_using_subcommand clients; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gateway -n "__fish_gateway_using_subcommand devices; and not __fish_seen_subcommand_from list revoke help" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand devices; and not __fish_seen_subcommand_from list revoke help" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand devices; and not __fish_seen_subcommand_from list revoke help" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand devices; and not __fish_seen_subcommand_from list revoke help" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand devices; and not __fish_seen_subcommand_from list revoke help" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand devices; and not __fish_seen_subcommand_from list revoke help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand devices; and not __fish_seen_subcommand_from list revoke help" -f -a "list" -d 'List the devices'
complete -c gateway -n "__fish_gateway_using_subcommand devices; and not __fish_seen_subcommand_from list revoke help" -f -a "revoke" -d 'End a device\'s pairing; it no longer stands for you from now on'
complete -c gateway -n "__fish_gateway_using_subcommand devices; and not __fish_seen_subcommand_from list revoke help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gateway -n "__fish_gateway_using_subcommand devices; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand devices; and __fish_seen_subcommand_from list" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand devices; and __fish_seen_subcommand_from list" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand devices; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand devices; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand devices; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand devices; and __fish_seen_subcommand_from revoke" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand devices; and __fish_seen_subcommand_from revoke" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand devices; and __fish_seen_subcommand_from revoke" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand devices; and __fish_seen_subcommand_from revoke" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand devices; and __fish_seen_subcommand_from revoke" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand devices; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand devices; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the devices'
complete -c gateway -n "__fish_gateway_using_subcommand devices; and __fish_seen_subcommand_from help" -f -a "revoke" -d 'End a device\'s pairing; it no longer stands for you from now on'
complete -c gateway -n "__fish_gateway_using_subcommand devices; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gateway -n "__fish_gateway_using_subcommand push-session" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand push-session" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand push-session" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand push-session" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand push-session" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand push-session" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand config; and not __fish_seen_subcommand_from path show check schema help" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand config; and not __fish_seen_subcommand_from path show check schema help" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand config; and not __fish_seen_subcommand_from path show check schema help" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand config; and not __fish_seen_subcommand_from path show check schema help" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand config; and not __fish_seen_subcommand_from path show check schema help" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand config; and not __fish_seen_subcommand_from path show check schema help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand config; and not __fish_seen_subcommand_from path show check schema help" -f -a "path" -d 'Print where configuration, state and sockets are'
complete -c gateway -n "__fish_gateway_using_subcommand config; and not __fish_seen_subcommand_from path show check schema help" -f -a "show" -d 'Print every setting and where it comes from'
complete -c gateway -n "__fish_gateway_using_subcommand config; and not __fish_seen_subcommand_from path show check schema help" -f -a "check" -d 'Check the configuration'
complete -c gateway -n "__fish_gateway_using_subcommand config; and not __fish_seen_subcommand_from path show check schema help" -f -a "schema" -d 'Print the JSON schema of the configuration'
complete -c gateway -n "__fish_gateway_using_subcommand config; and not __fish_seen_subcommand_from path show check schema help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from path" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from path" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from path" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from path" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from path" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from path" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from show" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from check" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from check" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from check" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from schema" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from schema" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from schema" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from schema" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from schema" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "path" -d 'Print where configuration, state and sockets are'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print every setting and where it comes from'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check the configuration'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "schema" -d 'Print the JSON schema of the configuration'
complete -c gateway -n "__fish_gateway_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and not __fish_seen_subcommand_from set list remove help" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and not __fish_seen_subcommand_from set list remove help" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and not __fish_seen_subcommand_from set list remove help" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and not __fish_seen_subcommand_from set list remove help" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and not __fish_seen_subcommand_from set list remove help" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and not __fish_seen_subcommand_from set list remove help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and not __fish_seen_subcommand_from set list remove help" -f -a "set" -d 'Store a secret, read from stdin or typed without echo'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and not __fish_seen_subcommand_from set list remove help" -f -a "list" -d 'List names of secrets, never their values'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and not __fish_seen_subcommand_from set list remove help" -f -a "remove" -d 'Remove a secret'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and not __fish_seen_subcommand_from set list remove help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from set" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from set" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from set" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from list" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from list" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from remove" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from remove" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from help" -f -a "set" -d 'Store a secret, read from stdin or typed without echo'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from help" -f -a "list" -d 'List names of secrets, never their values'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Remove a secret'
complete -c gateway -n "__fish_gateway_using_subcommand secrets; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gateway -n "__fish_gateway_using_subcommand service; and not __fish_seen_subcommand_from install uninstall status help" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand service; and not __fish_seen_subcommand_from install uninstall status help" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand service; and not __fish_seen_subcommand_from install uninstall status help" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand service; and not __fish_seen_subcommand_from install uninstall status help" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand service; and not __fish_seen_subcommand_from install uninstall status help" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand service; and not __fish_seen_subcommand_from install uninstall status help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand service; and not __fish_seen_subcommand_from install uninstall status help" -f -a "install" -d 'Install and start the service'
complete -c gateway -n "__fish_gateway_using_subcommand service; and not __fish_seen_subcommand_from install uninstall status help" -f -a "uninstall" -d 'Stop and remove the service; data stays'
complete -c gateway -n "__fish_gateway_using_subcommand service; and not __fish_seen_subcommand_from install uninstall status help" -f -a "status" -d 'Tell whether the service is installed and runs'
complete -c gateway -n "__fish_gateway_using_subcommand service; and not __fish_seen_subcommand_from install uninstall status help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from install" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from install" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from install" -l print -d 'Print the service file and do nothing'
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from install" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from install" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from install" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from uninstall" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from uninstall" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from uninstall" -l print -d 'Print what would be done and do nothing'
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from uninstall" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from uninstall" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from uninstall" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from uninstall" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from status" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from status" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from status" -l print -d 'Print the command that asks and do nothing'
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from status" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from help" -f -a "install" -d 'Install and start the service'
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from help" -f -a "uninstall" -d 'Stop and remove the service; data stays'
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from help" -f -a "status" -d 'Tell whether the service is installed and runs'
complete -c gateway -n "__fish_gateway_using_subcommand service; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gateway -n "__fish_gateway_using_subcommand completions" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand completions" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand completions" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand completions" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand completions" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand man" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c gateway -n "__fish_gateway_using_subcommand man" -l log-format -d 'How to log to stderr' -r -f -a "auto\t'Lines for people on a terminal, JSON elsewhere'
pretty\t'Lines for people'
json\t'One JSON object per line'"
complete -c gateway -n "__fish_gateway_using_subcommand man" -l json -d 'Print data as JSON (`"schema": 1`)'
complete -c gateway -n "__fish_gateway_using_subcommand man" -s q -l quiet -d 'Say only what is necessary; log only errors'
complete -c gateway -n "__fish_gateway_using_subcommand man" -s v -l verbose -d 'Log more: -v debug, -vv trace'
complete -c gateway -n "__fish_gateway_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gateway -n "__fish_gateway_using_subcommand help; and not __fish_seen_subcommand_from serve mint-client mint-token doctor pair status tasks projects clients devices push-session config secrets service completions man help" -f -a "serve" -d 'Run the gateway: open the tunnel, serve MCP, print the QR code'
complete -c gateway -n "__fish_gateway_using_subcommand help; and not __fish_seen_subcommand_from serve mint-client mint-token doctor pair status tasks projects clients devices push-session config secrets service completions man help" -f -a "mint-client" -d 'Make client credentials for Claude and print them once'
complete -c gateway -n "__fish_gateway_using_subcommand help; and not __fish_seen_subcommand_from serve mint-client mint-token doctor pair status tasks projects clients devices push-session config secrets service completions man help" -f -a "mint-token" -d 'Make a bearer token for a script or a program that cannot sign in, and print it once'
complete -c gateway -n "__fish_gateway_using_subcommand help; and not __fish_seen_subcommand_from serve mint-client mint-token doctor pair status tasks projects clients devices push-session config secrets service completions man help" -f -a "doctor" -d 'Check the set-up and name the cure of what is wrong'
complete -c gateway -n "__fish_gateway_using_subcommand help; and not __fish_seen_subcommand_from serve mint-client mint-token doctor pair status tasks projects clients devices push-session config secrets service completions man help" -f -a "pair" -d 'Pair a phone or browser: print a fresh link, QR code and consent code'
complete -c gateway -n "__fish_gateway_using_subcommand help; and not __fish_seen_subcommand_from serve mint-client mint-token doctor pair status tasks projects clients devices push-session config secrets service completions man help" -f -a "status" -d 'Show what the running gateway does'
complete -c gateway -n "__fish_gateway_using_subcommand help; and not __fish_seen_subcommand_from serve mint-client mint-token doctor pair status tasks projects clients devices push-session config secrets service completions man help" -f -a "tasks" -d 'Look at tasks, and answer what their agents ask'
complete -c gateway -n "__fish_gateway_using_subcommand help; and not __fish_seen_subcommand_from serve mint-client mint-token doctor pair status tasks projects clients devices push-session config secrets service completions man help" -f -a "projects" -d 'The folders that tasks may work in'
complete -c gateway -n "__fish_gateway_using_subcommand help; and not __fish_seen_subcommand_from serve mint-client mint-token doctor pair status tasks projects clients devices push-session config secrets service completions man help" -f -a "clients" -d 'The clients that may sign in, and the tokens that you made'
complete -c gateway -n "__fish_gateway_using_subcommand help; and not __fish_seen_subcommand_from serve mint-client mint-token doctor pair status tasks projects clients devices push-session config secrets service completions man help" -f -a "devices" -d 'The phones and browsers that are paired'
complete -c gateway -n "__fish_gateway_using_subcommand help; and not __fish_seen_subcommand_from serve mint-client mint-token doctor pair status tasks projects clients devices push-session config secrets service completions man help" -f -a "push-session" -d 'Hand a session of Claude Code over; reads what its hooks give them from stdin'
complete -c gateway -n "__fish_gateway_using_subcommand help; and not __fish_seen_subcommand_from serve mint-client mint-token doctor pair status tasks projects clients devices push-session config secrets service completions man help" -f -a "config" -d 'The configuration'
complete -c gateway -n "__fish_gateway_using_subcommand help; and not __fish_seen_subcommand_from serve mint-client mint-token doctor pair status tasks projects clients devices push-session config secrets service completions man help" -f -a "secrets" -d 'Secrets in the keyring (or the secrets file)'
complete -c gateway -n "__fish_gateway_using_subcommand help; and not __fish_seen_subcommand_from serve mint-client mint-token doctor pair status tasks projects clients devices push-session config secrets service completions man help" -f -a "service" -d 'Run the gateway as a service of your login session'
complete -c gateway -n "__fish_gateway_using_subcommand help; and not __fish_seen_subcommand_from serve mint-client mint-token doctor pair status tasks projects clients devices push-session config secrets service completions man help" -f -a "completions" -d 'Print a completion script'
complete -c gateway -n "__fish_gateway_using_subcommand help; and not __fish_seen_subcommand_from serve mint-client mint-token doctor pair status tasks projects clients devices push-session config secrets service completions man help" -f -a "man" -d 'Write the manual pages into a folder'
complete -c gateway -n "__fish_gateway_using_subcommand help; and not __fish_seen_subcommand_from serve mint-client mint-token doctor pair status tasks projects clients devices push-session config secrets service completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from tasks" -f -a "list" -d 'List tasks, newest first'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from tasks" -f -a "show" -d 'Show a task and what it asks'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from tasks" -f -a "tail" -d 'Follow what a task\'s agent does'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from tasks" -f -a "result" -d 'Print a task\'s answer'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from tasks" -f -a "diff" -d 'Print a task\'s changes as a diff'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from tasks" -f -a "apply" -d 'Merge, keep or discard a finished task\'s work'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from tasks" -f -a "approve" -d 'Allow what a task\'s agent asks, or let it carry out its plan'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from tasks" -f -a "deny" -d 'Refuse what a task\'s agent asks'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from tasks" -f -a "answer" -d 'Answer a question of a task\'s agent, or tell it something while it works'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from tasks" -f -a "cancel" -d 'Cancel a task and every process it started'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from projects" -f -a "list" -d 'List the projects'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from projects" -f -a "add" -d 'Add a folder to the configuration file'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from projects" -f -a "remove" -d 'Remove a project from the configuration file; its folder stays'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from clients" -f -a "list" -d 'List the clients and tokens'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from clients" -f -a "revoke" -d 'Remove a client or token; what it holds is refused from now on'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from clients" -f -a "expire" -d 'Let a client or token work until a moment, then no more'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from devices" -f -a "list" -d 'List the devices'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from devices" -f -a "revoke" -d 'End a device\'s pairing; it no longer stands for you from now on'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "path" -d 'Print where configuration, state and sockets are'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Print every setting and where it comes from'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "check" -d 'Check the configuration'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "schema" -d 'Print the JSON schema of the configuration'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from secrets" -f -a "set" -d 'Store a secret, read from stdin or typed without echo'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from secrets" -f -a "list" -d 'List names of secrets, never their values'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from secrets" -f -a "remove" -d 'Remove a secret'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from service" -f -a "install" -d 'Install and start the service'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from service" -f -a "uninstall" -d 'Stop and remove the service; data stays'
complete -c gateway -n "__fish_gateway_using_subcommand help; and __fish_seen_subcommand_from service" -f -a "status" -d 'Tell whether the service is installed and runs'
