// cachemodel: the command line tool: what changes entries.
// SPDX-License-Identifier: MIT
#include <charconv>
#include <cstdint>
#include <system_error>

#include "commands.hpp"
#include "entries.hpp"
#include "entry.hpp"
#include "entry_key.hpp"
#include "found.hpp"
#include "target.hpp"

namespace cachemodel::tool {

namespace {

using nlohmann::json;

json named(const NamedKey& key) {
    return {{"key", key.shown}, {"final_key", visible(key.final_key, Shown::line)}};
}

std::int64_t parse_integer(std::string_view text) {
    std::int64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped_at, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stopped_at != end) {
        throw Problem{Exit::usage, "--integer: expected is a whole number of 64 bits with a sign"};
    }
    return number;
}

}  // namespace

void erase(Session& session) {
    const Target target{session};
    const auto keys = target.keys(session.arguments.words);
    std::vector<std::string_view> views;
    views.reserve(keys.size());
    for (const auto& key : keys) views.emplace_back(key.final_key);
    std::vector<Outcome> outcomes(keys.size());
    target.finals().remove_many(views, outcomes);
    session.document["entries"] = json::array();
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const auto& outcome = outcomes[i];
        json entry = named(keys[i]);
        entry["state"] = outcome.done() ? "erased" : outcome.declined() ? "absent" : "failed";
        session.document["entries"].push_back(std::move(entry));
        if (outcome.done()) session.show_line("erased " + keys[i].shown);
        if (outcome.declined()) session.absent(keys[i].nothing_there());
        if (outcome.failed()) session.failed(keys[i].shown + ": ", outcome.failure());
    }
}

void touch(Session& session) {
    const Lifetime lifetime = parse_lifetime(session.arguments.words[1]);
    const Target target{session};
    const NamedKey key = target.key(session.arguments.words[0]);
    session.document.update(named(key));
    const Answer answer = target.read(key);
    if (answer.failure) return session.failed(key.shown + ": ", *answer.failure);
    if (!answer.is_there) return session.absent(key.nothing_there());
    // Where the entry has to be written again, it keeps the key that is in it.
    const StoredBytes stored = take_apart(answer.bytes);
    detail::EntryKey entry_key{key.final_key, {}};
    if (stored.key && belongs_to(target, key, *stored.key)) entry_key.full = *stored.key;
    const Outcome outcome = detail::touch_entry(target.finals(), entry_key, lifetime, true);
    if (outcome.failed()) return session.failed(key.shown + ": ", outcome.failure());
    if (outcome.declined()) {
        const auto problem = not_found(target, key, stored);
        return session.absent(problem ? key.shown + ": " + problem->why : key.nothing_there());
    }
    session.show_line("touched " + key.shown);
}

void set(Session& session) {
    const Arguments& arguments = session.arguments;
    const Target target{session};
    const NamedKey key = target.key(arguments.words[0]);
    const std::string text = target.plain(arguments.words[1]);
    const Lifetime lifetime = arguments.timeout.value_or(target.cache().timeout());
    if (lifetime.is_over()) {
        throw Problem{Exit::usage, "the cache has timeout=0, which stores nothing; give --timeout"};
    }
    session.document.update(named(key));
    if (arguments.integer) {
        target.finals().set(key.final_key, parse_integer(text), lifetime);
    } else {
        target.finals().set(key.final_key, text, lifetime);
    }
    session.show_line("stored " + key.shown);
}

}  // namespace cachemodel::tool
