// cachemodel: what a backend was asked and what it answered.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace cachemodel::testing {

/// What a backend was asked to do.
enum class Verb : std::uint8_t {
    get,  ///< `get_many` and `peek_many`
    set,
    add,
    compare_and_set,
    remove,
    touch,
    increment,
    remaining_lifetime,
    list_keys,
    facts,
    clear,
    close,
};

/// What it answered for one key.
enum class Answer : std::uint8_t {
    found,     ///< of a read
    absent,    ///< of a read
    done,      ///< of everything else
    declined,  ///< of everything else: `add` of a key that is there, `remove` of one that is not
    failed,
};

/// One call of a backend.
///
/// Thread safety: that of a plain value.
struct Call {
    struct Key {
        std::string name;
        Answer answer = Answer::failed;
    };

    Verb verb = Verb::get;
    std::vector<Key> keys;  ///< in the order of the call; none where the call names no keys
    bool threw = false;     ///< it was left by an exception
};

/// The calls of a backend, in order.
///
/// Keys are those that the backend sees, `prefix:version:key` in full.
///
/// Thread safety: may be called concurrently.
class CallLog {
 public:
    void record(Call call) {
        const std::scoped_lock lock{mutex_};
        calls_.push_back(std::move(call));
    }

    std::vector<Call> calls() const {
        const std::scoped_lock lock{mutex_};
        return calls_;
    }

    /// Forgets everything so far.
    void reset() {
        const std::scoped_lock lock{mutex_};
        calls_.clear();
    }

    /// How many times the backend was called, however many keys each time, `close` left out.
    std::size_t trips() const {
        const std::scoped_lock lock{mutex_};
        const auto is_trip = [](const Call& call) { return call.verb != Verb::close; };
        return static_cast<std::size_t>(std::ranges::count_if(calls_, is_trip));
    }

    std::size_t trips(Verb verb) const {
        const std::scoped_lock lock{mutex_};
        return static_cast<std::size_t>(std::ranges::count(calls_, verb, &Call::verb));
    }

    /// The keys that were stored, by `set`, `add` or compare-and-set, each once, in the order of
    /// their first time.
    std::vector<std::string> keys_set() const {
        return keys_where([](Verb verb, Answer answer) {
            const bool stores =
                verb == Verb::set || verb == Verb::add || verb == Verb::compare_and_set;
            return stores && answer == Answer::done;
        });
    }

    /// The keys that were removed, also those that were not there, each once, in the order of their
    /// first time.
    std::vector<std::string> keys_removed() const {
        return keys_where([](Verb verb, Answer answer) {
            return verb == Verb::remove && answer != Answer::failed;
        });
    }

    /// The keys that were asked for, each once, in the order of their first time.
    std::vector<std::string> keys_read() const {
        return keys_where([](Verb verb, Answer) { return verb == Verb::get; });
    }

 private:
    template <class Wanted>
    std::vector<std::string> keys_where(Wanted wanted) const {
        const std::scoped_lock lock{mutex_};
        std::vector<std::string> names;
        std::unordered_set<std::string_view> known;
        for (const Call& call : calls_) {
            for (const Call::Key& key : call.keys) {
                if (wanted(call.verb, key.answer) && known.insert(key.name).second) {
                    names.push_back(key.name);
                }
            }
        }
        return names;
    }

    mutable std::mutex mutex_;
    std::vector<Call> calls_;
};

}  // namespace cachemodel::testing
