// cachemodel: the command line tool: its help.
// SPDX-License-Identifier: MIT
#include <cachemodel/version.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "commands.hpp"

namespace cachemodel::tool {

namespace {

struct Page {
    std::string_view command;
    std::string_view text;
};

constexpr std::string_view overview =
    R"(usage: cachemodel [--cache URL | --caches FILE [--name NAME]] [--json]
                  COMMAND [ARGUMENTS]

Looks into a cache, whoever filled it, and changes it.

  get KEY...          the values under keys
  keys [PREFIX]       the keys of the cache, or those that begin with PREFIX
  dump KEY            all about one entry, also where it is broken
  erase KEY...        removes entries
  touch KEY LIFETIME  gives an entry another lifetime, from now on
  set KEY TEXT        stores a text or an integer
  clear               empties the whole backend, or a prefix of it; asks before
  create-table        makes the table of a cache that is kept in SQLite
  stats               what the backend says of itself, and what it can do
  help [COMMAND]      this text, or all about one command
  version             the version of cachemodel

  --cache URL    the cache as programs open it, such as
                 memcached://10.0.0.1:11211?key_prefix=shop
  --caches FILE  a JSON document of named caches, as programs give it to
                 configure_caches; - is standard input
  --name NAME    which of them; without it the one named default
  --json         one JSON document on standard output, which has errors too
  --help         this text, or all about the command
  --version      the version of cachemodel

Without --cache and --caches the environment says which cache: CACHEMODEL_URL,
or CACHEMODEL_CACHES and CACHEMODEL_NAME. Unlike a command line it does not
show a password to other users. memory:// is inside of one process and cannot
be looked into from here.

Options may stand anywhere; after -- nothing is an option. A KEY is what a
program gives to the cache, or what key_for of a model shows: prefix and
version are those of the cache. With --final it is the key that the server
sees.

Exit codes: 0 done; 1 nothing there; 2 wrong usage, or a key that the backend
does not take; 3 failed: the backend is down or answers too late, the output
cannot be written; 4 the URL or the document makes no sense; 5 refused: clear
was not confirmed or is forbidden, or the backend cannot do that at all; 130
ended by Ctrl-C. Messages are on standard error.
)";

constexpr std::array pages{
    Page{"get", R"(usage: cachemodel get [--raw] [--final] [--escaped] KEY...

Shows values: text as text, bytes as bytes, everything else as JSON. Of several
keys each line is the key, a tab, and the value as JSON. Bytes inside of JSON
are {"hex": "00ff"}. What a program would not find, as it is broken, foreign or
has expired, was removed, is being loaded or known to be missing, is not there
for get either; the message says why, and dump shows it. What has expired and is
served stale by a program is not there.

  --raw      what is stored under one key, byte by byte, envelope included
  --final    KEY is the key that the server sees, prefix and version included
  --escaped  KEY is written as keys and --json write it

On a terminal, control characters are shown as \xNN. Elsewhere text and bytes
are written as they are.
)"},
    Page{"keys", R"(usage: cachemodel keys [--limit N] [--final] [--escaped] [PREFIX]

Lists the keys of the cache, those of its prefix and version, one on a line: in
no order, each as get takes it. Backends that cannot list their
keys, such as memcached, refuse with exit code 5.

  --limit N  at most N keys
  --final    all keys of the backend, as the server sees them
  --escaped  PREFIX is written as this command writes keys

Control characters and bytes that are not UTF-8 are written \xNN and a
backslash is written twice, on a terminal or not: --escaped takes keys written
so. A long key that key_function=digest has digested is taken with --final
only. To erase keys by their beginning:

  cachemodel keys session: |
    xargs -r -d '\n' cachemodel erase --escaped --
  cachemodel keys --final shop:1:sha256- |
    xargs -r -d '\n' cachemodel erase --final --escaped --
)"},
    Page{"dump", R"(usage: cachemodel dump [--final] [--escaped] KEY

Shows all about an entry: its size, the envelope (format, flags, when it was
written and until when it is fresh, how long its load took, until when a program
has the lease to load it, the number of its removal, the key that it belongs to,
the checksum), its remaining lifetime where the backend tells it, and its value
as JSON, or why there is none. Of what is broken or foreign it says what is
wrong, at which offset, and shows the first bytes. With --json remaining_seconds
is a number, or null where the entry never expires ("expires" is false) or the
backend does not tell ("expires" is null).

  --final    KEY is the key that the server sees, prefix and version included
  --escaped  KEY is written as keys and --json write it
)"},
    Page{"erase", R"(usage: cachemodel erase [--final] [--escaped] KEY...

Removes entries and says which were there. The exit code is 1 where one was
not.

  --final    KEY is the key that the server sees, prefix and version included
  --escaped  KEY is written as keys and --json write it
)"},
    Page{"touch", R"(usage: cachemodel touch [--final] [--escaped] KEY LIFETIME

Gives an entry another lifetime, from now on: a number of seconds such as 60 or
1.5, a duration such as 250ms, 30s, 15min, 2h or 7d, or never.

  --final    KEY is the key that the server sees, prefix and version included
  --escaped  KEY is written as keys and --json write it
)"},
    Page{"set",
         R"(usage: cachemodel set [--timeout LIFETIME] [--integer] [--final] [--escaped]
                      KEY TEXT

Stores a text, whatever was there: programs read it as a std::string. To try
whether a cache works, or to put a counter right.

  --timeout LIFETIME  how long it lives, as for touch; without it the timeout of
                      the cache, which is 5 minutes unless it says otherwise
  --integer           TEXT is a whole number of 64 bits, for programs to count
  --final             KEY is the key that the server sees
  --escaped           KEY and TEXT are written as keys and --json write keys
)"},
    Page{"clear", R"(usage: cachemodel clear [--prefix] [--yes]

Empties the whole backend: entries of every prefix and version, and of every
other program that uses it. Where other processes share it, it asks on the
terminal and goes on after the answer yes, also with --prefix; without a
terminal it refuses. Where the cache has clear=forbid, it refuses in any case,
and only --prefix is left.

  --prefix  removes the entries of the cache's prefix only, of all versions
  --yes     does not ask
)"},
    Page{"create-table", R"(usage: cachemodel create-table [--dry-run]

Makes the database and the table of a cache in SQLite where they are not there,
as a step of deployment: for programs whose cache has auto_create=false. Of what
is there nothing changes. Other backends have no table, and refuse with exit
code 5.

  --dry-run  writes the SQL statements and makes nothing
)"},
    Page{"stats", R"(usage: cachemodel stats

Shows what the backend says of itself, such as entries, bytes and versions of
servers, and what it can do.
)"},
    Page{"help", R"(usage: cachemodel help [COMMAND]

Shows what there is, or all about one command.
)"},
    Page{"version", R"(usage: cachemodel version

Shows the version of cachemodel that this program was built with.
)"},
};

}  // namespace

void help(Session& session) {
    const auto& words = session.arguments.words;
    std::string_view text = overview;
    if (!words.empty()) {
        text = std::find_if(pages.begin(), pages.end(), [&](const auto& page) {
                   return page.command == words.front();
               })->text;
    }
    session.document["help"] = text;
    session.show(text, Shown::text);
}

void version(Session& session) {
    session.document["version"] = version_text;
    session.show_line("cachemodel " + std::string{version_text});
}

}  // namespace cachemodel::tool
