// cachemodel: the soak: one row of a source of truth, and which of its versions may be found.
// SPDX-License-Identifier: MIT
#pragma once

#include "soak/outages.hpp"
#include "soak/shared.hpp"
#include "soak/verdict.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace cachemodel::soak {

/// One row of a source of truth. Each `commit` makes a new version.
///
/// Whoever promises that nothing older is found from now on (a removal, a refresh, what is pushed)
/// raises a floor by `told` when its call has ended: what is read must not be below the floor that
/// held when the read began. Nor may a version be found for longer than its `age` after the next
/// one was committed, whether anybody was told or not.
///
/// Thread safety: may be called concurrently, by any process.
class Row {
 public:
    struct Version {
        std::uint64_t number = 0;
        bool exists = false;  ///< or it was deleted
    };
    /// What a read is held to.
    struct Terms {
        Time::duration age;
        const Outages& outages;
    };
    using Finds = std::function<bool(const Version&)>;

    Row() { versions_[1] = {.version = {1, true}}; }

    Version read() const;
    /// Makes a new version.
    Version commit(bool exists);
    /// A call has ended that promises that nothing older than `number`, which was the newest one
    /// when it began, is found any more. `by` names it for good.
    void told(std::uint64_t number, Time began, std::string_view by);
    /// A call has ended that would have stored this version over anything, and nobody knows whether
    /// it did: what waits in the server's sockets may still be executed.
    void may_be_stored(std::uint64_t number);

    Verdict judge(std::uint64_t number, Interval read, const Terms& terms) const;
    /// That nothing was found, by what `finds` only some versions.
    Verdict judge_absent(
        Interval read, const Terms& terms,
        const Finds& finds = [](const Version& version) { return version.exists; }) const;

 private:
    static constexpr std::size_t remembered = 256;

    struct Known {
        Version version;
        Time committed{};
        Time told_began = open_end;
        Time told = open_end;
        std::string_view told_by = {};
        Time may_be_stored{};  ///< the end of the last such call
    };

    /// Without what was told by calls that began before `settled`.
    std::uint64_t oldest_allowed(Time begin, Time::duration age, Time settled = {}) const;
    std::uint64_t first_known() const noexcept {
        return newest_ < remembered ? 1 : newest_ - remembered + 1;
    }
    bool is_known(std::uint64_t number) const noexcept { return number >= first_known(); }
    Known& known(std::uint64_t number) { return versions_[number % remembered]; }
    const Known& known(std::uint64_t number) const { return versions_[number % remembered]; }
    void forget(const Known& known);
    /// When nothing can store it any more, over what is there.
    Time settled(std::uint64_t number, const Outages& outages) const;

    mutable SharedMutex mutex_;
    std::uint64_t newest_ = 1;
    std::array<Known, remembered> versions_{};
    // Of what is not known one by one any more:
    Known told_{};          ///< the newest one that was told
    Time may_be_stored_{};  ///< the end of the last such call
};

}  // namespace cachemodel::soak
