// cachemodel: the soak: the oracle, which knows every value that was ever written.
// SPDX-License-Identifier: MIT
#include "soak/oracle.hpp"

#include <algorithm>
#include <mutex>

namespace cachemodel::soak {

namespace {

/// A server counts in whole seconds, late while it is stopped or the machine is busy.
constexpr std::chrono::seconds expiry_slack{5};

/// A stopped server executes what it was sent when it goes on.
constexpr std::chrono::seconds late_touch{10};

std::string before(Time time, Time reference) {
    const auto ago = std::chrono::duration_cast<std::chrono::microseconds>(reference - time);
    return std::to_string(ago.count()) + " us before the read began";
}

}  // namespace

std::uint64_t History::begin(What what, std::chrono::seconds lifetime) {
    const std::lock_guard lock{mutex_};
    const auto time = now();
    const bool has_lifetime = lifetime.count() != 0;
    const bool may_expire = has_lifetime || time < touched_ + late_touch;
    const auto lasts_until = has_lifetime ? std::max(time + lifetime, touched_until_) : open_end;
    ++newest_;
    auto& step = steps_[newest_ % remembered];
    forget(step);
    step = {newest_, what, false, may_expire, time, open_end, lasts_until};
    return newest_;
}

void History::forget(const Step& step) {
    if (step.number == 0) return;
    if (step.end == open_end) {
        unended_ += 1;
    } else if (step.is_certain) {
        auto& kept = steps_[remembered + next_certain_++ % remembered_longer];
        certain_end_ = std::max(certain_end_, kept.end);
        kept = step;
    } else {
        uncertain_end_ = std::max(uncertain_end_, step.end);
    }
}

void History::end(std::uint64_t number, bool certain) {
    const std::lock_guard lock{mutex_};
    auto& step = steps_[number % remembered];
    if (step.number != number) {  // so slow that it is forgotten already
        unended_ -= 1;
        uncertain_end_ = now();
        return;
    }
    step.end = now();
    step.is_certain = certain;
    if (step.lasts_until != open_end) step.lasts_until += step.end - step.begin;
}

void History::touch(std::chrono::seconds lifetime) {
    const std::lock_guard lock{mutex_};
    touched_ = now();
    touched_until_ = touched_ + lifetime;
    for (auto& step : steps_) {
        step.may_expire = true;
        step.lasts_until = std::max(step.lasts_until, touched_until_);
    }
}

const History::Step* History::find(std::uint64_t number) const {
    const auto step = std::ranges::find(steps_, number, &Step::number);
    return step == steps_.end() ? nullptr : &*step;
}

Time History::forgotten_settled(const Outages& outages) const {
    if (unended_ != 0) return open_end;
    if (uncertain_end_ == Time{}) return certain_end_;
    return std::max(certain_end_, outages.settled(uncertain_end_));
}

Verdict History::judge_forgotten(std::uint64_t number, Interval read,
                                 const Outages& outages) const {
    const auto value = "save " + std::to_string(number) + ", which is long ago,";
    const auto ended = std::max(certain_end_, uncertain_end_);
    if (unended_ == 0 && outages.lost_all_between(ended, read.begin)) {
        return value + " was in a server that was killed before the read began";
    }
    const auto done = forgotten_settled(outages);
    for (const auto& later : steps_) {
        if (!later.is_certain || later.begin < done || later.end > read.begin) continue;
        return value + " came before " + (later.what == What::save ? "save " : "removal ") +
               std::to_string(later.number) + ", which ended " + before(later.end, read.begin);
    }
    return std::nullopt;
}

Time History::settled(const Step& step, const Outages& outages) {
    return step.is_certain ? step.end : outages.settled(step.end);
}

Verdict History::judge(std::uint64_t number, Interval read, const Outages& outages) const {
    const std::lock_guard lock{mutex_};
    const auto value = "save " + std::to_string(number);
    if (number == 0 || number > newest_) return value + " was never made";
    const auto* const save = find(number);
    if (save == nullptr) return judge_forgotten(number, read, outages);
    if (save->what != What::save) return value + " is a removal";
    if (save->begin > read.end) return value + " began after the read";
    if (outages.lost_all_between(save->end, read.begin)) {
        return value + " was in a server that was killed before the read began";
    }
    const auto done = settled(*save, outages);
    for (const auto& later : steps_) {
        if (!later.is_certain || later.number == number) continue;
        if (later.begin >= done && later.end <= read.begin) {
            return value + " (its call ended " + before(save->end, read.begin) + ") came before " +
                   (later.what == What::save ? "save " : "removal ") +
                   std::to_string(later.number) + ", which ended " + before(later.end, read.begin);
        }
    }
    if (save->lasts_until != open_end && save->lasts_until + expiry_slack < read.begin) {
        return value + " expired " + before(save->lasts_until, read.begin);
    }
    return std::nullopt;
}

Verdict History::judge_absent(Interval read, const Outages& outages) const {
    const std::lock_guard lock{mutex_};
    const auto forgotten = forgotten_settled(outages);
    for (const auto& save : steps_) {
        if (save.begin <= forgotten || save.number == 0 || save.what != What::save ||
            !save.is_certain || save.may_expire || save.end > read.begin ||
            outages.may_have_lost(save.begin, read.end)) {
            continue;
        }
        const bool may_be_removed = std::ranges::any_of(steps_, [&](const Step& other) {
            if (other.number == 0 || other.number == save.number) return false;
            if (other.what == What::save && other.is_certain && !other.may_expire) return false;
            return other.begin <= read.end && settled(other, outages) >= save.begin;
        });
        if (!may_be_removed) {
            return "nothing, where save " + std::to_string(save.number) + " ended " +
                   before(save.end, read.begin) +
                   " and no removal, no death of the server and no "
                   "end of a lifetime can have come in between";
        }
    }
    return std::nullopt;
}

Row::Version Row::read() const {
    const std::lock_guard lock{mutex_};
    return versions_[newest_ % remembered].version;
}

Row::Version Row::commit(bool exists) {
    const std::lock_guard lock{mutex_};
    ++newest_;
    auto& known = versions_[newest_ % remembered];
    if (known.removed != open_end && newest_ > remembered) {
        oldest_ever_allowed_ = std::max(oldest_ever_allowed_, known.version.number);
    }
    known = {{newest_, exists}, now(), open_end};
    return known.version;
}

void Row::removed(std::uint64_t number) {
    const std::lock_guard lock{mutex_};
    auto& known = versions_[number % remembered];
    if (known.version.number == number) known.removed = now();
}

std::uint64_t Row::oldest_allowed(Time begin) const {
    auto oldest = oldest_ever_allowed_;
    for (auto number = first_known(); number <= newest_; ++number) {
        if (versions_[number % remembered].removed <= begin) oldest = std::max(oldest, number);
    }
    return oldest;
}

Verdict Row::judge(std::uint64_t number, Interval read) const {
    const std::lock_guard lock{mutex_};
    const auto value = "version " + std::to_string(number);
    if (number == 0 || number > newest_) return value + " was never committed";
    const auto oldest = oldest_allowed(read.begin);
    if (number < oldest) {
        const auto& known = versions_[oldest % remembered];
        return value + " is older than " + std::to_string(oldest) + ", after which the removal " +
               (known.version.number == oldest ? "ended " + before(known.removed, read.begin)
                                               : "ended long before");
    }
    const auto& known = versions_[number % remembered];
    // One that is forgotten was not removed for certain, or is older than one that was.
    if (known.version.number != number) return std::nullopt;
    if (!known.version.exists) return value + " is one that was deleted";
    if (known.committed > read.end) return value + " was committed after the read";
    return std::nullopt;
}

Verdict Row::judge_absent(Interval read) const {
    const std::lock_guard lock{mutex_};
    for (auto number = std::max(oldest_allowed(read.begin), first_known()); number <= newest_;
         ++number) {
        const auto& known = versions_[number % remembered];
        if (!known.version.exists && known.committed <= read.end) return std::nullopt;
    }
    return "nothing, where every version that may be found exists";
}

}  // namespace cachemodel::soak
