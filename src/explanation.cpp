// cachemodel: what is stored under a key, in words.
// SPDX-License-Identifier: MIT
#include <cachemodel/explanation.hpp>

#include <cmath>

#include "shown_times.hpp"

namespace cachemodel {

std::string_view to_string(EntryState state) noexcept {
    switch (state) {
        case EntryState::unknown:
            return "unknown";
        case EntryState::absent:
            return "absent";
        case EntryState::fresh:
            return "fresh";
        case EntryState::stale:
            return "stale";
        case EntryState::fallback:
            return "stale, for want of better";
        case EntryState::expired:
            return "expired";
        case EntryState::removed:
            return "removed";
        case EntryState::being_loaded:
            return "being loaded";
        case EntryState::abandoned:
            return "a load that came to nothing";
        case EntryState::known_missing:
            return "known missing";
        case EntryState::counter:
            return "counter";
        case EntryState::unusable:
            return "unusable";
    }
    return "unknown";
}

namespace {

/// Of whoever gets nothing out of the cache.
std::string outcome_of_miss(const Explanation& told, std::string_view otherwise) {
    if (!told.has_loader) return std::string{otherwise};
    if (told.load_failure) return "it fails as its last load did: the loader is left alone";
    if (told.state == EntryState::unknown) return "it is loaded, and not stored";
    const bool is_left_to_others = told.leased_until && told.waits_for_lease;
    if (told.state == EntryState::fallback) {
        return is_left_to_others ? "it is found, stale, while somebody loads it"
                                 : "it is loaded, and is this if that fails";
    }
    return is_left_to_others ? "it is waited for, and then loaded" : "it is loaded";
}

}  // namespace

std::string outcome_of(const Explanation& told) {
    if (told.is_bypass) {  // whatever is there, and however often the loader failed
        return told.has_loader ? "it is loaded: this view passes by"
                               : "nothing is found: this view passes by";
    }
    switch (told.state) {
        case EntryState::unknown:
            return outcome_of_miss(told, "nobody can tell");
        case EntryState::fresh:
            if (told.refresh_chance > 0) {
                const auto percent = std::lround(told.refresh_chance * 100);
                return "it is found, and refreshed with a chance of " + std::to_string(percent) +
                       " %";
            }
            return "it is found";
        case EntryState::counter:
            return "it is found";
        case EntryState::stale:
            if (told.load_failure) return "it is found, stale: the loader is left alone";
            return told.leased_until ? "it is found, stale, while somebody refreshes it"
                                     : "it is found, stale, and refreshed";
        case EntryState::known_missing:
            return "it is missing";
        case EntryState::fallback:
            if (told.load_failure) return "it is found, stale: the loader is left alone";
            break;
        default:
            break;
    }
    return outcome_of_miss(told, "nothing is found");
}

namespace {

/// The lines of the text.
class Lines {
 public:
    explicit Lines(const Explanation& told) : told_(told) {}

    void add(std::string_view name, const std::string& value) {
        constexpr std::size_t width = 16;
        std::string line = "\n  ";
        line += name;
        line.resize(width + 3, ' ');
        text += line + value;
    }
    /// Where there is one, with how far it is from now.
    void add(std::string_view name, const std::optional<Explanation::Time>& time) {
        if (!time) return;
        const bool is_for_ever = *time == Explanation::Time::max();
        add(name, is_for_ever ? "for ever" : detail::shown_time(*time) + distance(*time));
    }

    std::string text;

 private:
    /// Nothing for now, for centuries, and for what was before there were clocks that tell it.
    std::string distance(Explanation::Time time) const {
        if (time < Explanation::Time{}) return {};
        const std::chrono::milliseconds ahead = time - told_.now;
        const Lifetime apart = ahead < ahead.zero() ? -ahead : ahead;
        if (apart.is_over() || apart.is_never()) return {};
        const std::string shown = detail::shown_lifetime(apart);
        return ahead < ahead.zero() ? ", " + shown + " ago" : ", in " + shown;
    }

    const Explanation& told_;
};

}  // namespace

std::string to_string(const Explanation& told) {
    Lines lines{told};
    lines.text = told.key + ": " + std::string{to_string(told.state)};
    if (told.state == EntryState::unusable) {
        lines.text += ", " + std::string{to_string(told.reason)};
    }
    lines.add("a reader", outcome_of(told));
    lines.add("final key", told.final_key);
    if (!told.server.empty()) {
        lines.add("server", told.server + (told.is_server_down ? ", left alone: it failed" : ""));
    }
    if (told.failure) lines.add("failure", told.failure->message());
    if (told.size > 0) lines.add("size", std::to_string(told.size) + " bytes");
    lines.add("written", told.written_at);
    lines.add("fresh until", told.fresh_until);
    lines.add("gone at", told.kept_until);
    lines.add("served until", told.served_until);
    lines.add("fallback until", told.fallback_until);
    lines.add("leased until", told.leased_until);
    lines.add("decoded until", told.decoded_until);
    if (told.load_cost) lines.add("load took", detail::shown_lifetime(*told.load_cost));
    lines.text += '\n';
    return std::move(lines.text);
}

}  // namespace cachemodel
