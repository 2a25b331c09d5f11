// cachemodel: the command line tool: whether a program would find what is stored.
// SPDX-License-Identifier: MIT
#include "found.hpp"

#include "entries.hpp"
#include "entry_key.hpp"
#include "screen.hpp"

namespace cachemodel::tool {

namespace {

/// A model's or a call's value: only those are ever served stale.
bool may_be_stale(const NamedKey& key, const StoredBytes& stored) {
    return stored.key != key.final_key && stored.body && !stored.body->empty();
}

std::string words_for(MissReason reason, const NamedKey& key, const StoredBytes& stored) {
    switch (reason) {
        case MissReason::expired:
            return may_be_stale(key, stored)
                       ? "it has expired, and is found only where it may be served stale"
                       : "it has expired";
        case MissReason::being_loaded:
            return "a program is loading it";
        case MissReason::known_missing:
            return "it is known to be missing: its source was asked and had none";
        case MissReason::nothing_stored:
            return "a load of it was begun, and nothing came of it";
        case MissReason::removed:
            return "it was removed";
        default:
            return std::string{to_string(reason)};
    }
}

}  // namespace

std::optional<NotFound> not_found(const Target& target, const NamedKey& key,
                                  const StoredBytes& stored) {
    if (!stored.is_sound()) {
        const auto opened = detail::open_entry(stored.bytes, stored.key.value_or(""));
        return NotFound{opened.entry ? MissReason::undecodable : opened.reason,
                        stored.problem + "; cachemodel dump shows more"};
    }
    if (!stored.key) return std::nullopt;  // an integer
    if (!belongs_to(target, key, *stored.key)) {
        return NotFound{MissReason::other_key,
                        "it is the entry of another key, " + visible(*stored.key, Shown::line)};
    }
    const auto found = detail::look_at(target.cache(), stored.bytes, *stored.key);
    if (found.is_fresh_value()) return std::nullopt;
    return NotFound{found.reason, words_for(found.reason, key, stored)};
}

std::string_view consequence_of_end(const NamedKey& key, const StoredBytes& stored) {
    return may_be_stale(key, stored) ? "it is found only where it may be served stale"
                                     : "it is not found any more";
}

}  // namespace cachemodel::tool
