
use builtin;
use str;

set edit:completion:arg-completer[gateway] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'gateway'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'gateway'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand serve 'Run the gateway: open the tunnel, serve MCP, print the QR code'
            cand mint-client 'Make client credentials for Claude and print them once'
            cand mint-token 'Make a bearer token for a script or a program that cannot sign in, and print it once'
            cand doctor 'Check the set-up and name the cure of what is wrong'
            cand pair 'Pair a phone or browser: print a fresh link, QR code and consent code'
            cand status 'Show what the running gateway does'
            cand tasks 'Look at tasks, and answer what their agents ask'
            cand projects 'The folders that tasks may work in'
            cand clients 'The clients that may sign in, and the tokens that you made'
            cand devices 'The phones and browsers that are paired'
            cand push-session 'Hand a session of Claude Code over; reads what its hooks give them from stdin'
            cand config 'The configuration'
            cand secrets 'Secrets in the keyring (or the secrets file)'
            cand service 'Run the gateway as a service of your login session'
            cand completions 'Print a completion script'
            cand man 'Write the manual pages into a folder'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gateway;serve'= {
            cand --tunnel 'The tunnel: auto, none, ngrok or cloudflare-quick'
            cand --listen 'Listen here; port 0 picks a free one'
            cand --public-url 'The public https URL of an own reverse proxy'
            cand --project 'Let tasks work in this folder; may be repeated'
            cand --qr-file 'Write the QR code of the pairing link to this file (.png or .svg), for you alone'
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --no-open 'Do not open the pairing page in a browser'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;mint-client'= {
            cand --name 'A name to tell it by'
            cand --scope 'Allow this scope (observe, files, run); may be repeated; all of them otherwise'
            cand --project 'Allow only this project; may be repeated'
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --public 'Make a client without a secret'
            cand --rotate 'Give the client of this name a new secret; the old one stays valid for an hour'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;mint-token'= {
            cand --name 'A name to tell it by'
            cand --scope 'Allow this scope (observe, files, run); may be repeated; all of them otherwise'
            cand --project 'Allow only this project; may be repeated'
            cand --expires 'Let it end after this time, 365d at most'
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --allow-tunnel 'Let it count through the tunnel too, not on this machine alone'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;doctor'= {
            cand --only 'Run only this check; may be repeated'
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --strict 'Count warnings as failures'
            cand --deep 'Also sign in and run a task with a built-in stand-in agent'
            cand --public 'Also walk a client''s whole way through the public address'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;pair'= {
            cand --qr-file 'Write the QR code to this file (.png or .svg), for you alone'
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;status'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --follow 'Go on and print what changes'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;tasks'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand list 'List tasks, newest first'
            cand show 'Show a task and what it asks'
            cand tail 'Follow what a task''s agent does'
            cand result 'Print a task''s answer'
            cand diff 'Print a task''s changes as a diff'
            cand apply 'Merge, keep or discard a finished task''s work'
            cand approve 'Allow what a task''s agent asks, or let it carry out its plan'
            cand deny 'Refuse what a task''s agent asks'
            cand answer 'Answer a question of a task''s agent, or tell it something while it works'
            cand cancel 'Cancel a task and every process it started'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gateway;tasks;list'= {
            cand --state 'Only tasks in this state; may be repeated'
            cand --project 'Only tasks of this project'
            cand -n 'How many'
            cand --limit 'How many'
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --asking 'What tasks ask instead of the tasks: everything that waits for an answer'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;tasks;show'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;tasks;tail'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;tasks;result'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;tasks;diff'= {
            cand --path 'Only this file or folder'
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --stat 'Only the number of changed lines per file'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;tasks;apply'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;tasks;approve'= {
            cand --request 'The request''s id, when the task asks more than one thing'
            cand --edit 'Allow this input instead: a whole JSON object, as `show` prints it'
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --always 'Allow the very same in this task again, for 8 hours at most'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;tasks;deny'= {
            cand --request 'The request''s id, when the task asks more than one thing'
            cand -m 'What the agent is told: why not, what to do instead, what to change in a plan'
            cand --message 'What the agent is told: why not, what to do instead, what to change in a plan'
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;tasks;answer'= {
            cand --request 'The request''s id, when the task asks more than one thing'
            cand -m 'Tell the agent this, although it asks nothing'
            cand --message 'Tell the agent this, although it asks nothing'
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;tasks;cancel'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;tasks;help'= {
            cand list 'List tasks, newest first'
            cand show 'Show a task and what it asks'
            cand tail 'Follow what a task''s agent does'
            cand result 'Print a task''s answer'
            cand diff 'Print a task''s changes as a diff'
            cand apply 'Merge, keep or discard a finished task''s work'
            cand approve 'Allow what a task''s agent asks, or let it carry out its plan'
            cand deny 'Refuse what a task''s agent asks'
            cand answer 'Answer a question of a task''s agent, or tell it something while it works'
            cand cancel 'Cancel a task and every process it started'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gateway;tasks;help;list'= {
        }
        &'gateway;tasks;help;show'= {
        }
        &'gateway;tasks;help;tail'= {
        }
        &'gateway;tasks;help;result'= {
        }
        &'gateway;tasks;help;diff'= {
        }
        &'gateway;tasks;help;apply'= {
        }
        &'gateway;tasks;help;approve'= {
        }
        &'gateway;tasks;help;deny'= {
        }
        &'gateway;tasks;help;answer'= {
        }
        &'gateway;tasks;help;cancel'= {
        }
        &'gateway;tasks;help;help'= {
        }
        &'gateway;projects'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand list 'List the projects'
            cand add 'Add a folder to the configuration file'
            cand remove 'Remove a project from the configuration file; its folder stays'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gateway;projects;list'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;projects;add'= {
            cand --name 'Its name; the folder''s otherwise'
            cand --description 'A sentence for the chat'
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --default 'Make it the project of tasks that name none'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;projects;remove'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;projects;help'= {
            cand list 'List the projects'
            cand add 'Add a folder to the configuration file'
            cand remove 'Remove a project from the configuration file; its folder stays'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gateway;projects;help;list'= {
        }
        &'gateway;projects;help;add'= {
        }
        &'gateway;projects;help;remove'= {
        }
        &'gateway;projects;help;help'= {
        }
        &'gateway;clients'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand list 'List the clients and tokens'
            cand revoke 'Remove a client or token; what it holds is refused from now on'
            cand expire 'Let a client or token work until a moment, then no more'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gateway;clients;list'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;clients;revoke'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;clients;expire'= {
            cand --in 'A duration from now such as `30d`, or a moment such as `2027-01-31T00:00:00Z`'
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;clients;help'= {
            cand list 'List the clients and tokens'
            cand revoke 'Remove a client or token; what it holds is refused from now on'
            cand expire 'Let a client or token work until a moment, then no more'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gateway;clients;help;list'= {
        }
        &'gateway;clients;help;revoke'= {
        }
        &'gateway;clients;help;expire'= {
        }
        &'gateway;clients;help;help'= {
        }
        &'gateway;devices'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand list 'List the devices'
            cand revoke 'End a device''s pairing; it no longer stands for you from now on'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gateway;devices;list'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;devices;revoke'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;devices;help'= {
            cand list 'List the devices'
            cand revoke 'End a device''s pairing; it no longer stands for you from now on'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gateway;devices;help;list'= {
        }
        &'gateway;devices;help;revoke'= {
        }
        &'gateway;devices;help;help'= {
        }
        &'gateway;push-session'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;config'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand path 'Print where configuration, state and sockets are'
            cand show 'Print every setting and where it comes from'
            cand check 'Check the configuration'
            cand schema 'Print the JSON schema of the configuration'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gateway;config;path'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;config;show'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;config;check'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;config;schema'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;config;help'= {
            cand path 'Print where configuration, state and sockets are'
            cand show 'Print every setting and where it comes from'
            cand check 'Check the configuration'
            cand schema 'Print the JSON schema of the configuration'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gateway;config;help;path'= {
        }
        &'gateway;config;help;show'= {
        }
        &'gateway;config;help;check'= {
        }
        &'gateway;config;help;schema'= {
        }
        &'gateway;config;help;help'= {
        }
        &'gateway;secrets'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand set 'Store a secret, read from stdin or typed without echo'
            cand list 'List names of secrets, never their values'
            cand remove 'Remove a secret'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gateway;secrets;set'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;secrets;list'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;secrets;remove'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;secrets;help'= {
            cand set 'Store a secret, read from stdin or typed without echo'
            cand list 'List names of secrets, never their values'
            cand remove 'Remove a secret'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gateway;secrets;help;set'= {
        }
        &'gateway;secrets;help;list'= {
        }
        &'gateway;secrets;help;remove'= {
        }
        &'gateway;secrets;help;help'= {
        }
        &'gateway;service'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand install 'Install and start the service'
            cand uninstall 'Stop and remove the service; data stays'
            cand status 'Tell whether the service is installed and runs'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gateway;service;install'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --print 'Print the service file and do nothing'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;service;uninstall'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --print 'Print what would be done and do nothing'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;service;status'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --print 'Print the command that asks and do nothing'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;service;help'= {
            cand install 'Install and start the service'
            cand uninstall 'Stop and remove the service; data stays'
            cand status 'Tell whether the service is installed and runs'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gateway;service;help;install'= {
        }
        &'gateway;service;help;uninstall'= {
        }
        &'gateway;service;help;status'= {
        }
        &'gateway;service;help;help'= {
        }
        &'gateway;completions'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;man'= {
            cand --config 'Read this configuration file instead of the usual one'
            cand --log-format 'How to log to stderr'
            cand --json 'Print data as JSON (`"schema": 1`)'
            cand -q 'Say only what is necessary; log only errors'
            cand --quiet 'Say only what is necessary; log only errors'
            cand -v 'Log more: -v debug, -vv trace'
            cand --verbose 'Log more: -v debug, -vv trace'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gateway;help'= {
            cand serve 'Run the gateway: open the tunnel, serve MCP, print the QR code'
            cand mint-client 'Make client credentials for Claude and print them once'
            cand mint-token 'Make a bearer token for a script or a program that cannot sign in, and print it once'
            cand doctor 'Check the set-up and name the cure of what is wrong'
            cand pair 'Pair a phone or browser: print a fresh link, QR code and consent code'
            cand status 'Show what the running gateway does'
            cand tasks 'Look at tasks, and answer what their agents ask'
            cand projects 'The folders that tasks may work in'
            cand clients 'The clients that may sign in, and the tokens that you made'
            cand devices 'The phones and browsers that are paired'
            cand push-session 'Hand a session of Claude Code over; reads what its hooks give them from stdin'
            cand config 'The configuration'
            cand secrets 'Secrets in the keyring (or the secrets file)'
            cand service 'Run the gateway as a service of your login session'
            cand completions 'Print a completion script'
            cand man 'Write the manual pages into a folder'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gateway;help;serve'= {
        }
        &'gateway;help;mint-client'= {
        }
        &'gateway;help;mint-token'= {
        }
        &'gateway;help;doctor'= {
        }
        &'gateway;help;pair'= {
        }
        &'gateway;help;status'= {
        }
        &'gateway;help;tasks'= {
            cand list 'List tasks, newest first'
            cand show 'Show a task and what it asks'
            cand tail 'Follow what a task''s agent does'
            cand result 'Print a task''s answer'
            cand diff 'Print a task''s changes as a diff'
            cand apply 'Merge, keep or discard a finished task''s work'
            cand approve 'Allow what a task''s agent asks, or let it carry out its plan'
            cand deny 'Refuse what a task''s agent asks'
            cand answer 'Answer a question of a task''s agent, or tell it something while it works'
            cand cancel 'Cancel a task and every process it started'
        }
        &'gateway;help;tasks;list'= {
        }
        &'gateway;help;tasks;show'= {
        }
        &'gateway;help;tasks;tail'= {
        }
        &'gateway;help;tasks;result'= {
        }
        &'gateway;help;tasks;diff'= {
        }
        &'gateway;help;tasks;apply'= {
        }
        &'gateway;help;tasks;approve'= {
        }
        &'gateway;help;tasks;deny'= {
        }
        &'gateway;help;tasks;answer'= {
        }
        &'gateway;help;tasks;cancel'= {
        }
        &'gateway;help;projects'= {
            cand list 'List the projects'
            cand add 'Add a folder to the configuration file'
            cand remove 'Remove a project from the configuration file; its folder stays'
        }
        &'gateway;help;projects;list'= {
        }
        &'gateway;help;projects;add'= {
        }
        &'gateway;help;projects;remove'= {
        }
        &'gateway;help;clients'= {
            cand list 'List the clients and tokens'
            cand revoke 'Remove a client or token; what it holds is refused from now on'
            cand expire 'Let a client or token work until a moment, then no more'
        }
        &'gateway;help;clients;list'= {
        }
        &'gateway;help;clients;revoke'= {
        }
        &'gateway;help;clients;expire'= {
        }
        &'gateway;help;devices'= {
            cand list 'List the devices'
            cand revoke 'End a device''s pairing; it no longer stands for you from now on'
        }
        &'gateway;help;devices;list'= {
        }
        &'gateway;help;devices;revoke'= {
        }
        &'gateway;help;push-session'= {
        }
        &'gateway;help;config'= {
            cand path 'Print where configuration, state and sockets are'
            cand show 'Print every setting and where it comes from'
            cand check 'Check the configuration'
            cand schema 'Print the JSON schema of the configuration'
        }
        &'gateway;help;config;path'= {
        }
        &'gateway;help;config;show'= {
        }
        &'gateway;help;config;check'= {
        }
        &'gateway;help;config;schema'= {
        }
        &'gateway;help;secrets'= {
            cand set 'Store a secret, read from stdin or typed without echo'
            cand list 'List names of secrets, never their values'
            cand remove 'Remove a secret'
        }
        &'gateway;help;secrets;set'= {
        }
        &'gateway;help;secrets;list'= {
        }
        &'gateway;help;secrets;remove'= {
        }
        &'gateway;help;service'= {
            cand install 'Install and start the service'
            cand uninstall 'Stop and remove the service; data stays'
            cand status 'Tell whether the service is installed and runs'
        }
        &'gateway;help;service;install'= {
        }
        &'gateway;help;service;uninstall'= {
        }
        &'gateway;help;service;status'= {
        }
        &'gateway;help;completions'= {
        }
        &'gateway;help;man'= {
        }
        &'gateway;help;help'= {
        }
    ]
    $completions[$command]
}
