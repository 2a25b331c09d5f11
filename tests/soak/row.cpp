// cachemodel: the soak: one row of a source of truth, and which of its versions may be found.
// SPDX-License-Identifier: MIT
#include "soak/row.hpp"

#include <algorithm>
#include <mutex>
#include <string>

namespace cachemodel::soak {

Row::Version Row::read() const {
    const std::lock_guard lock{mutex_};
    return known(newest_).version;
}

Row::Version Row::commit(bool exists) {
    const std::lock_guard lock{mutex_};
    ++newest_;
    forget(known(newest_));
    known(newest_) = {.version = {newest_, exists}, .committed = now()};
    return known(newest_).version;
}

void Row::forget(const Known& known) {
    if (known.version.number == 0) return;
    if (known.told != open_end && known.version.number > told_.version.number) told_ = known;
    may_be_stored_ = std::max(may_be_stored_, known.may_be_stored);
}

void Row::told(std::uint64_t number, Time began, std::string_view by) {
    const std::lock_guard lock{mutex_};
    if (!is_known(number) || known(number).told != open_end) return;
    known(number).told_began = began;
    known(number).told = now();
    known(number).told_by = by;
}

void Row::may_be_stored(std::uint64_t number) {
    const std::lock_guard lock{mutex_};
    (is_known(number) ? known(number).may_be_stored : may_be_stored_) = now();
}

Time Row::settled(std::uint64_t number, const Outages& outages) const {
    const auto end = is_known(number) ? known(number).may_be_stored : may_be_stored_;
    return end == Time{} ? Time{} : outages.settled(end);
}

std::uint64_t Row::oldest_allowed(Time begin, Time::duration age, Time settled) const {
    const auto is_told = [&](const Known& each) {
        return each.told <= begin && each.told_began >= settled;
    };
    auto oldest = is_told(told_) ? std::max<std::uint64_t>(told_.version.number, 1) : 1;
    for (auto number = first_known(); number <= newest_; ++number) {
        const auto& each = known(number);
        if (is_told(each) || each.committed + age < begin) oldest = std::max(oldest, number);
    }
    return oldest;
}

Verdict Row::judge(std::uint64_t number, Interval read, const Terms& terms) const {
    const std::lock_guard lock{mutex_};
    const auto value = "version " + std::to_string(number);
    if (number == 0 || number > newest_) return value + " was never committed";
    const auto oldest = oldest_allowed(read.begin, terms.age, settled(number, terms.outages));
    if (number < oldest) {
        const auto& floor = is_known(oldest) ? known(oldest) : told_;
        auto why = value + " is older than " + std::to_string(oldest) + " (of " +
                   std::to_string(newest_) + "), which was committed " +
                   before(floor.committed, read.begin);
        if (floor.told > read.begin) return why;
        return why.append(", and ").append(floor.told_by) + " had ended " +
               before(floor.told, read.begin);
    }
    if (!is_known(number)) return std::nullopt;
    if (!known(number).version.exists) return value + " is one that was deleted";
    if (known(number).committed > read.end) return value + " was committed after the read";
    return std::nullopt;
}

Verdict Row::judge_absent(Interval read, const Terms& terms, const Finds& finds) const {
    const std::lock_guard lock{mutex_};
    const auto oldest = oldest_allowed(read.begin, terms.age);
    if (!is_known(oldest)) return std::nullopt;
    for (auto number = oldest; number <= newest_; ++number) {
        const auto& each = known(number);
        if (!finds(each.version) && each.committed <= read.end) return std::nullopt;
    }
    return "nothing, where every version from " + std::to_string(oldest) + " to " +
           std::to_string(newest_) + " would be found";
}

}  // namespace cachemodel::soak
