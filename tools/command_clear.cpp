// cachemodel: the command line tool: emptying a backend, and asking before.
// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <iostream>
#include <string>

#include "cache_core.hpp"
#include "commands.hpp"
#include "target.hpp"

namespace cachemodel::tool {

namespace {

/// Errors: `Problem` with `Exit::refused`, unless somebody answers `yes`.
void ask(Session& session, const std::string& question) {
    if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDERR_FILENO) != 1) {
        throw Problem{Exit::refused,
                      "clear asks on a terminal, and there is none; --yes answers it"};
    }
    session.screen.flush();
    std::cerr << question << "\nType yes to go on: " << std::flush;
    std::string answer;
    std::getline(std::cin, answer);
    if (answer != "yes") throw Problem{Exit::refused, "nothing was removed"};
}

}  // namespace

void clear(Session& session) {
    const Target target{session};
    const Cache& cache = target.cache();
    const bool prefix_only = session.arguments.prefix_only;
    if (!prefix_only && !cache.view().clear_allowed) {
        throw Problem{Exit::refused, "clear is forbidden: the cache has clear=forbid"};
    }
    if (prefix_only && !target.capabilities().lists_keys) {
        throw Problem{Exit::refused,
                      "clear --prefix: this backend cannot list its keys, so it cannot tell which "
                      "ones have the prefix; another version of the cache leaves them behind"};
    }
    const std::string prefix = '"' + cache.prefix() + '"';
    if (target.capabilities().shared && !session.arguments.yes) {
        std::string shown = target.shown_url();
        if (!session.arguments.document.empty()) {
            const std::string name = visible(session.arguments.name, Shown::message);
            shown.insert(0, "the cache \"" + name + "\", ");
        }
        const bool has_prefix = !cache.prefix().empty();
        ask(session,
            prefix_only
                ? "This removes the entries of the prefix " + prefix + ", of all versions, from " +
                      shown
                : "This empties " + shown + "\nEvery entry of every program that uses it goes" +
                      (has_prefix ? ", not only those of the prefix " + prefix : "") + '.');
    }
    if (prefix_only) {
        const auto removed = cache.clear_prefix();
        session.document["removed"] = removed;
        session.show_line("removed " + std::to_string(removed) +
                          (removed == 1 ? " entry" : " entries") + " of the prefix " + prefix);
    } else {
        target.finals().clear();
        session.show_line("cleared " + target.shown_url());
    }
}

}  // namespace cachemodel::tool
