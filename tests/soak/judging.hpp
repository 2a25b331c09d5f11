// cachemodel: the soak: judges what was found by its row.
// SPDX-License-Identifier: MIT
#pragma once

#include "soak/models.hpp"
#include "soak/outages.hpp"
#include "soak/verdict.hpp"

#include <algorithm>
#include <chrono>
#include <concepts>
#include <optional>
#include <string>

namespace cachemodel::soak {

/// For how long a version may be found after the next one was committed.
struct Ages {
    Time::duration fresh;
    Time::duration stale;
};

/// A load may take some time, a read, too. A server counts in whole seconds, late while it is
/// stopped; what may be stale carries its own end.
template <class Options>
constexpr Ages ages_of(const Options& options) {
    const auto stale = std::max(options.stale_while_refresh.value_or(Lifetime{0s}),
                                options.stale_if_error.value_or(Lifetime{0s}));
    const Time::duration slack = stale.is_over() ? 5s : 2s;
    const Time::duration fresh = options.expires.duration() + slack;
    return {fresh, fresh + stale.duration()};
}
template <class T>
constexpr Ages ages() {
    if constexpr (std::same_as<T, Offer>) {
        return ages_of(CallOptions<Offer>{.expires = offer_lifetime});
    } else if constexpr (std::same_as<T, Quote>) {
        return ages_of(quote_options);
    } else {
        return ages_of(T::cache_options);
    }
}
template <class T>
constexpr std::string_view name_of() {
    if constexpr (std::same_as<T, Offer>) {
        return "Offer";
    } else if constexpr (std::same_as<T, Quote>) {
        return "Quote";
    } else {
        return T::cache_options.name;
    }
}

/// Reads of things that rows of the source stand behind.
class Judge {
 public:
    Judge(Source& source, const Outages& outages) : source_(source), outages_(outages) {}

    /// Not `may_be_stale` where the answer says that it is not.
    template <class T>
    Verdict found(const T& object, int id, Interval read, bool may_be_stale = true) const {
        if (object.text != text_of(name_of<T>(), id, object.number)) return torn;
        if constexpr (requires { object.id; }) {
            if (*object.id != id) return torn;
        }
        if (auto verdict = parts(object, id, read)) return verdict;
        const auto age = may_be_stale ? ages<T>().stale : ages<T>().fresh;
        return source_.row<T>(id).judge(object.number, read, {age, outages_});
    }
    template <class T>
    Verdict absent(int id, Interval read) const {
        auto verdict = source_.row<T>(id).judge_absent(read, {ages<T>().stale, outages_});
        if constexpr (requires { typename T::Target; }) {
            // Or what it refers to is not there: then it counts as missing, too.
            if (verdict && !absent<typename T::Target>(T::target_of(id), read)) return std::nullopt;
        }
        return verdict;
    }
    /// Nobody was found by this alias.
    Verdict absent_by(const std::string& alias, int id, Interval read) const {
        return source_.row<Member>(id).judge_absent(
            read, {ages<Member>().stale, outages_}, [&](const Row::Version& version) {
                return version.exists && Member::alias_of(id, version.number) == alias;
            });
    }

 private:
    static constexpr const char* torn = "it is another's, or torn";

    template <class T>
    Verdict parts(const T& object, int id, Interval read) const {
        if constexpr (requires { object.target; }) {
            if (!object.target.loaded()) return "what it refers to is not loaded";
            auto verdict = found(*object.target, T::target_of(id), read);
            if (verdict) return "what it refers to: " + *verdict;
        }
        return std::nullopt;
    }
    Verdict parts(const Member& member, int id, Interval) const {
        if (*member.alias == Member::alias_of(id, *member.number)) return std::nullopt;
        return torn;
    }
    Verdict parts(const Product& product, int id, Interval) const {
        if (*product.completed == 0 && product.details->empty()) return std::nullopt;
        if (*product.details != text_of("details", id, *product.completed)) return torn;
        if (*product.completed >= *product.number) return std::nullopt;
        return "its second step saw an older version than its first";
    }

    Source& source_;
    const Outages& outages_;
};

}  // namespace cachemodel::soak
