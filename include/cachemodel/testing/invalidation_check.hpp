// cachemodel: the assertion that an action invalidates what it makes out of date.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/error.hpp>
#include <cachemodel/testing/call_log.hpp>
#include <cachemodel/testing/pattern.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel::testing {

/// An assertion of this library's testing headers does not hold.
class AssertionFailure : public Error {
 public:
    using Error::Error;
};

/// Asserts that an action overwrites or removes every entry of a kind.
///
///     RecordingBackend& backend = …;                 // what the cache under test is made of
///     load_the_front_page();                         // the set-up: stores some entries
///     InvalidationCheck check{backend.log(), "*Article*"};
///     publish(article);                              // the action
///     check.require_all_invalidated();
///
/// The keys that fit the pattern and are stored when the check is made are *tracked*. The action
/// must have each of them stored anew or removed, with success; clearing the store removes all.
///
/// Thread safety: may be read concurrently, also while the log grows.
/// Lifetime: the log must outlive the check, and must not be reset meanwhile.
class InvalidationCheck {
 public:
    /// `pattern` as for `matches`.
    InvalidationCheck(const CallLog& log, std::string_view pattern) : log_(log), pattern_(pattern) {
        const auto calls = log.calls();
        calls_of_set_up_ = calls.size();
        for (const Call& call : calls) {
            if (clears(call)) tracked_.clear();
            for (const Call::Key& key : call.keys) {
                if (!matches(pattern_, key.name)) continue;
                const auto known = std::ranges::find(tracked_, key.name);
                if (stores(call.verb, key.answer) && known == tracked_.end()) {
                    tracked_.push_back(key.name);
                } else if (removes(call.verb, key.answer) && known != tracked_.end()) {
                    tracked_.erase(known);
                }
            }
        }
    }

    /// The keys that must be invalidated, in the order in which they were first stored.
    const std::vector<std::string>& tracked() const noexcept { return tracked_; }

    /// Those of them that the action has left as they were, in the same order.
    std::vector<std::string> offenders() const {
        std::vector<std::string> left = tracked_;
        const auto calls = log_.calls();
        for (std::size_t i = calls_of_set_up_; i < calls.size(); ++i) {
            if (clears(calls[i])) left.clear();
            for (const Call::Key& key : calls[i].keys) {
                if (stores(calls[i].verb, key.answer) || removes(calls[i].verb, key.answer)) {
                    std::erase(left, key.name);
                }
            }
        }
        return left;
    }

    /// Errors: `AssertionFailure` that names all offenders, or says that the set-up has stored
    /// nothing that fits the pattern, in which case the test would prove nothing.
    void require_all_invalidated() const {
        if (tracked_.empty()) {
            throw AssertionFailure{"the set-up stored no entry that fits " + pattern_};
        }
        const auto left = offenders();
        if (left.empty()) return;
        std::string message = std::to_string(left.size()) + " of " +
                              std::to_string(tracked_.size()) + " entries that fit " + pattern_ +
                              " were neither stored anew nor removed:";
        for (const std::string& key : left) message += "\n  " + key;
        throw AssertionFailure{message};
    }

 private:
    static bool stores(Verb verb, Answer answer) noexcept {
        return answer == Answer::done &&
               (verb == Verb::set || verb == Verb::add || verb == Verb::compare_and_set);
    }
    static bool clears(const Call& call) noexcept {
        return call.verb == Verb::clear && !call.threw;
    }
    static bool removes(Verb verb, Answer answer) noexcept {
        return verb == Verb::remove && answer != Answer::failed;
    }

    const CallLog& log_;
    std::string pattern_;
    std::size_t calls_of_set_up_ = 0;
    std::vector<std::string> tracked_;
};

}  // namespace cachemodel::testing
