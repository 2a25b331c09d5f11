// cachemodel: what is stored under a key, and what a reader makes of it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/error.hpp>
#include <cachemodel/lookup.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cachemodel {

/// What an entry is good for at a moment.
enum class EntryState : std::uint8_t {
    unknown,        ///< the backend could not tell
    absent,         ///< nothing is stored
    fresh,          ///< a value
    stale,          ///< past its end, and served while it is refreshed
    fallback,       ///< past its end, and served only where it cannot be loaded
    expired,        ///< past its end, and not served
    removed,        ///< it was removed, and loads that began earlier are kept out
    being_loaded,   ///< another process has said that it loads it
    abandoned,      ///< one has said so, and has not come back in time
    known_missing,  ///< the source was asked, and had none
    counter,        ///< an integer that was set through `Cache`
    unusable,       ///< the reason says why
};

/// "fresh", "being loaded" and so on.
std::string_view to_string(EntryState state) noexcept;

/// What is stored under one key at a moment, and what a reader would get then: for people who want
/// to know why. What `explain` of a cache, a model or a cached call returns.
///
///     std::cout << Models<User>{}.explain("bob");
///
/// Thread safety: that of a plain value.
struct Explanation {
    /// In milliseconds, which count far enough: centuries from now do not fit into nanoseconds
    /// since 1970. `Time::max()` stands for ever.
    using Time = std::chrono::sys_time<std::chrono::milliseconds>;

    // Bytes that are not visible ASCII, and backslashes, are written `\xNN`; cut after 250 bytes.
    std::string key;              ///< as it was asked for: of a model or call, what `key_for` gives
    std::string final_key;        ///< what the backend sees
    std::string server;           ///< of a backend that has any, the one that holds the key
    bool is_server_down = false;  ///< that one failed, and is left alone for now

    EntryState state = EntryState::absent;
    /// Why a reader counts it as a miss. Only where no reader gets what is there; `nothing_stored`
    /// also where that is unknown, which a reader counts as a failure.
    MissReason reason = MissReason::nothing_stored;
    std::optional<Failure> failure = {};  ///< of what is unknown

    std::size_t size = 0;  ///< bytes, with what surrounds the value
    Time now = {};         ///< by the cache's clock, when it was looked at
    std::optional<Time> written_at = {};
    /// When a value, or that there is none, ends: as the entry says, or else the backend, if it can
    /// tell.
    std::optional<Time> fresh_until = {};
    /// The same of what is no value and only holds a place: a removal, or a lease over nothing.
    std::optional<Time> kept_until = {};
    std::optional<Time> served_until = {};    ///< the end of `stale_while_refresh`
    std::optional<Time> fallback_until = {};  ///< the end of `stale_if_error`
    std::optional<Time> leased_until = {};    ///< somebody loads or refreshes it
    std::optional<std::chrono::milliseconds> load_cost = {};
    /// Until when `Models::get_shared` gives out a decoded object, whatever is stored. Only of a
    /// model, as this door reads it.
    std::optional<Time> decoded_until = {};
    /// How likely a reader of now is to have it refreshed before its end, from 0 to 1.
    double refresh_chance = 0;

    bool has_loader = false;  ///< who finds nothing loads it
    bool is_bypass = false;   ///< it was asked for through a view that finds nothing
    /// Who loads it waits for the lease of somebody else, if there is one.
    bool waits_for_lease = false;
    /// What its last load here threw, as long as the loader is left alone for that. Of what is
    /// fresh or stale also its second step: that keeps off refreshes only. A bypass asks the loader
    /// all the same.
    std::optional<Failure> load_failure = {};

    /// Whether a reader gets what is stored, without more ado.
    bool is_served() const noexcept {
        return !is_bypass && (state == EntryState::fresh || state == EntryState::stale ||
                              state == EntryState::counter);
    }
};

/// What a reader of that moment would get, in words: "it is loaded".
std::string outcome_of(const Explanation& explanation);

/// All of it, several lines. No value, and no text of a failed load.
std::string to_string(const Explanation& explanation);

/// As `to_string` has it. Found for an Explanation only.
template <class Stream>
Stream& operator<<(Stream& stream, const Explanation& explanation) {
    stream << to_string(explanation);
    return stream;
}

}  // namespace cachemodel
