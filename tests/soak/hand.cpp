// cachemodel: the soak: what a thread does everything with: dice, a watch, and the tally.
// SPDX-License-Identifier: MIT
#include "soak/hand.hpp"

#include <algorithm>
#include <exception>

namespace cachemodel::soak {

int Hand::some_id() { return static_cast<int>(dice(4) == 0 ? dice(4) : dice(keys_of_each)); }

std::vector<int> Hand::some_ids() {
    std::vector<int> ids(1 + dice(12));
    for (auto& id : ids) id = some_id();
    return ids;
}

std::vector<int> Hand::some_different_ids() {
    auto ids = some_ids();
    std::ranges::sort(ids);
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
}

int Hand::some_id_of(Share share) {
    const auto count = (keys_of_each - share.number + share.of - 1) / share.of;
    return static_cast<int>(share.number + share.of * (dice(4) == 0 ? 0 : dice(count)));
}

Verdict Hand::judge_caught(Operation operation) {
    try {
        throw;
    } catch (const SourceFailed&) {
        return std::nullopt;
    } catch (const LoadTimeout& error) {
        const bool is_of_rates =
            operation == Operation::rate_find || operation == Operation::rate_get_many;
        if (is_of_rates) return std::nullopt;
        return std::string{"it timed out: "} + error.what();
    } catch (const std::exception& error) {
        return std::string{"it failed: "} + error.what();
    }
}

void Hand::count_failure(Operation operation, int id, const Failure& failure) const {
    try {
        failure.rethrow();
    } catch (...) {
        count(operation, id, Answer::failed, judge_caught(operation));
    }
}

void Hand::count(Operation operation, int id, Answer right, const Verdict& verdict) const {
    if (!verdict) return world_.tally.answer(operation, right);
    const auto name = Tally::name_of(operation);
    world_.tally.wrong(operation, std::string{name} + ' ' + std::to_string(id) + ": " + *verdict);
}

}  // namespace cachemodel::soak
