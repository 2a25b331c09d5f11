// cachemodel: the soak: all that was done with one key of a model without a loader.
// SPDX-License-Identifier: MIT
#include "soak/history.hpp"

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

namespace cachemodel::soak {

namespace {

/// A server counts in whole seconds, late while it is stopped or the machine is busy.
constexpr std::chrono::seconds expiry_slack{5};

/// A stopped server executes what it was sent when it goes on.
constexpr std::chrono::seconds late_touch{10};

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
    if (step.number == 0 || step.what == What::nothing) return;
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

void History::change(std::uint64_t number, std::uint64_t read) {
    const std::lock_guard lock{mutex_};
    auto* const step = find(number);
    if (step == nullptr) return;
    const auto* const changed = find(read);
    step->is_change = true;
    step->begin = now();
    step->may_expire = step->may_expire || changed == nullptr || changed->may_expire;
}

void History::end(std::uint64_t number, Done done) {
    const std::lock_guard lock{mutex_};
    auto& step = steps_[number % remembered];
    if (step.number != number) {  // so slow that it is forgotten already
        unended_ -= 1;
        uncertain_end_ = now();
        return;
    }
    step.end = now();
    step.is_certain = done == Done::yes;
    if (done == Done::no) step.what = What::nothing;
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

History::Step* History::find(std::uint64_t number) {
    return const_cast<Step*>(std::as_const(*this).find(number));
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
    if (save->what == What::remove) return value + " is a removal";
    if (save->what == What::nothing) return value + " was not done";
    if (save->begin > read.end) return value + " began after the read";
    if (outages.lost_all_between(save->end, read.begin)) {
        return value + " was in a server that was killed before the read began";
    }
    // What it has changed was still there when it was done.
    const auto done = save->is_change ? save->begin : settled(*save, outages);
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

Verdict History::judge_change(std::uint64_t number, std::uint64_t read) {
    const std::lock_guard lock{mutex_};
    auto* const changed = find(read);
    if (read == 0 || changed == nullptr) return std::nullopt;
    if (changed->was_changed_by == 0) changed->was_changed_by = number;
    if (changed->was_changed_by == number) return std::nullopt;
    return "save " + std::to_string(read) + " was changed twice, to save " +
           std::to_string(changed->was_changed_by) + " and to save " + std::to_string(number);
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
            if (other.what == What::nothing) return false;
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

}  // namespace cachemodel::soak
