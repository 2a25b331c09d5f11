// cachemodel: the answer of a read that may find nothing.
// SPDX-License-Identifier: MIT
#include <cachemodel/lookup.hpp>

namespace cachemodel {

std::string_view to_string(MissReason reason) noexcept {
    switch (reason) {
        case MissReason::nothing_stored:
            return "nothing stored";
        case MissReason::expired:
            return "expired";
        case MissReason::foreign:
            return "foreign";
        case MissReason::unknown_format:
            return "unknown format";
        case MissReason::corrupt:
            return "corrupt";
        case MissReason::other_key:
            return "other key";
        case MissReason::undecodable:
            return "undecodable";
        case MissReason::member_absent:
            return "member absent";
        case MissReason::broken_reference:
            return "broken reference";
        case MissReason::removed:
            return "removed";
        case MissReason::being_loaded:
            return "being loaded";
        case MissReason::known_missing:
            return "known missing";
        case MissReason::other_object:
            return "other object";
    }
    return "unknown";
}

void detail::Nothing::raise() const {
    if (failure && !is_ignored) failure->rethrow();
    std::rethrow_exception(make_missing(*this));
}

}  // namespace cachemodel
