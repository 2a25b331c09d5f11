// cachemodel: the soak: changes of the source, of which the cache is told.
// SPDX-License-Identifier: MIT
#include "soak/changes.hpp"

#include <chrono>
#include <utility>

namespace cachemodel::soak {

namespace {

/// A source that cannot get its changes into the cache makes no more of them.
constexpr std::size_t most_failed = 4;

}  // namespace

bool Changes::has_enough() const { return failed_.size() >= most_failed; }

void Changes::make(Operation operation, Row& row, int id, bool exists, Tell tell) {
    if (has_enough()) return;
    row.commit(exists);
    this->tell(operation, row, id, std::move(tell));
}

void Changes::tell(Operation operation, Row& row, int id, Tell tell) {
    const auto number = row.read().number;
    auto answer = Answer::failed;
    const auto call = hand_.timed(operation, [&] {
        try {
            answer = tell();
        } catch (const BackendError&) {
        }
    });
    if (answer != Answer::failed) {
        row.told(number, call.begin, Tally::name_of(operation));
    } else {
        put_off(operation, row, id, std::move(tell));
    }
    hand_.count(operation, id, answer);
}

void Changes::put_off(Operation operation, Row& row, int id, Tell tell) {
    failed_.push_back({operation, &row, id, std::move(tell)});
    repeat_at_ = now() + 50ms;
}

void Changes::repeat() {
    if (failed_.empty() || now() < repeat_at_) return;
    auto change = std::move(failed_.front());
    failed_.pop_front();
    tell(change.operation, *change.row, change.id, std::move(change.tell));
}

}  // namespace cachemodel::soak
