// cachemodel: the calls of the Redis backend, as commands and what their replies say.
// SPDX-License-Identifier: MIT
#include "backends/redis_commands.hpp"

#include "backends/redis_protocol.hpp"
#include "counter_text.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <exception>
#include <system_error>
#include <utility>

namespace cachemodel::redis {

namespace {

/// An MGET has about so many keys and bytes; a longer one would hold the server up.
constexpr std::size_t most_keys = 512;
constexpr std::size_t longest_command = std::size_t{32} << 10;

/// How many keys the server looks at in one step of a listing.
constexpr std::string_view keys_per_step = "1000";
/// It tells of more where its table is crowded, but not of so many.
constexpr std::size_t most_keys_per_step = 100'000;
constexpr std::size_t longest_cursor = 20;

bool is_cursor(std::string_view text) noexcept {
    return !text.empty() && text.size() <= longest_cursor &&
           std::ranges::all_of(text, [](char byte) { return byte >= '0' && byte <= '9'; });
}

Failure value_too_large(std::size_t size, std::size_t limit = largest_value) {
    return Failure{std::make_exception_ptr(ValueTooLarge{size, limit})};
}

/// The server does not tell what its limit is.
Failure refused_as_too_large(const Entry& entry) {
    return value_too_large(entry.value.size(), std::max<std::size_t>(entry.value.size(), 1) - 1);
}

/// 1 is done, 0 is declined.
std::optional<Outcome> outcome_of(std::int64_t integer) {
    if (integer == 1) return Outcome{};
    if (integer == 0) return Outcome::declined_by_backend();
    return std::nullopt;
}

}  // namespace

std::size_t Reading::group_end(std::size_t index) const noexcept {
    const auto limit = std::min(count(), index + most_keys);
    std::size_t size = 0;
    do {
        size += keys_[position(index)].size();
        ++index;
    } while (index < limit && size < longest_command);
    return index;
}

std::size_t Reading::ask(std::size_t index, std::string& request) {
    const auto end = group_end(index);
    append_count(request, 1 + end - index);
    append_word(request, end - index == 1 ? "GET" : "MGET");
    for (auto i = index; i < end; ++i) append_word(request, keys_[position(i)]);
    return end - index;
}

bool Reading::take(const Item& item) {
    return item.depth == 0 ? take_first(item)
                           : item.index == next_ - group_begin_ && take_value(item);
}

bool Reading::take_first(const Item& item) {
    if (is_within_) return false;
    is_within_ = true;
    group_begin_ = next_;
    group_end_ = group_end(next_);
    const auto size = group_end_ - group_begin_;
    if (item.kind == Item::Kind::error) {
        const auto failure = failure_of(item.text);
        while (next_ < group_end_) fail(position(next_++), failure);
        return true;
    }
    if (size == 1) return take_value(item);
    return item.kind == Item::Kind::array && item.integer == static_cast<std::int64_t>(size);
}

bool Reading::take_value(const Item& item) {
    if (next_ == group_end_) return false;
    const auto at = position(next_);
    if (item.kind == Item::Kind::text) {
        sink_.found(at, item.text, token_of(keys_[at], item.text));
    } else if (item.kind == Item::Kind::nil) {
        sink_.absent(at);
    } else {
        return false;
    }
    ++next_;
    return true;
}

bool Reading::finish() {
    is_within_ = false;
    return next_ == group_end_;
}

void Reading::fail(std::size_t position, const Failure& failure) {
    sink_.failed(position, failure);
}

void Storing::command(std::size_t position, std::string& request) {
    const auto& entry = entries_[position];
    if (entry.value.size() > largest_value) {
        append_command(request, {"DEL", entry.key});  // what is there is out of date
    } else {
        append_set(request, entry, how_ == Store::add);
    }
}

std::optional<Outcome> Storing::judge(std::size_t position) {
    const auto size = entries_[position].value.size();
    if (size > largest_value) {
        if (!is_integer(0)) return std::nullopt;
        return value_too_large(size);
    }
    if (is_status(0, "OK")) return Outcome{};
    if (how_ == Store::add && answers().front().kind == Item::Kind::nil) {
        return Outcome::declined_by_backend();
    }
    return std::nullopt;
}

std::optional<Outcome> Storing::judge_error(std::string_view error) {
    const auto at = position(next_);
    const bool is_too_long = is_too_long_error(error);
    if (how_ == Store::set && (is_too_long || fault_of(error) == BackendFault::full)) {
        outdated_.push_back(static_cast<std::uint32_t>(at));
    }
    return is_too_long ? refused_as_too_large(entries_[at]) : failure_of(error);
}

void Swapping::command(std::size_t position, std::string& request) {
    const auto& entry = entries_[position];
    switch (step_) {
        case Step::read:
            append_command(request, {"WATCH", entry.key});
            append_command(request, {"GET", entry.key});
            break;
        case Step::write:
            append_command(request, {"MULTI"});
            append_set(request, entry, false);
            append_command(request, {"EXEC"});
            break;
        case Step::let_go:
            append_command(request, {"UNWATCH"});
            break;
    }
}

std::size_t Swapping::replies() const noexcept {
    switch (step_) {
        case Step::read:
            return 2;
        case Step::write:
            return 3;
        case Step::let_go:
            break;
    }
    return 1;
}

bool Swapping::take(const Item& item) {
    const bool is_value = step_ == Step::read && finished() == 1 && item.kind == Item::Kind::text;
    if (!is_value) return Commanding::take(item);
    // Not kept: it may be large.
    const auto& entry = entries_[position(next_)];
    is_same_ = token_of(entry.key, item.text) == entry.token;
    return Commanding::take({.kind = Item::Kind::text, .text = {}});
}

std::optional<Outcome> Swapping::judge(std::size_t /*position*/) {
    switch (std::exchange(step_, Step::read)) {
        case Step::read:
            if (!is_status(0, "OK") || answers().size() != 2 ||
                (answers()[1].kind != Item::Kind::text && answers()[1].kind != Item::Kind::nil)) {
                return std::nullopt;
            }
            step_ = std::exchange(is_same_, false) ? Step::write : Step::let_go;
            return ask_again();
        case Step::write:
            return judge_writing();
        case Step::let_go:
            if (is_status(0, "OK")) return Outcome::declined_by_backend();
    }
    return std::nullopt;
}

std::optional<Outcome> Swapping::judge_writing() const {
    if (!is_status(0, "OK") || !is_status(1, "QUEUED") || answers().size() < 3) {
        return std::nullopt;
    }
    if (answers()[2].kind == Item::Kind::nil) return Outcome::declined_by_backend();
    const bool is_sound =
        answers().size() == 4 && answers()[2].kind == Item::Kind::array && is_status(3, "OK");
    if (!is_sound) return std::nullopt;
    return Outcome{};
}

std::optional<Outcome> Swapping::judge_error(std::string_view error) {
    // The connection may go on watching a key.
    spoil();
    step_ = Step::read;
    if (is_too_long_error(error)) return refused_as_too_large(entries_[position(next_)]);
    return failure_of(error);
}

void Removing::command(std::size_t position, std::string& request) {
    append_command(request, {"DEL", keys_[position]});
}

std::optional<Outcome> Removing::judge(std::size_t /*position*/) {
    if (!is_integer(0)) return std::nullopt;
    return outcome_of(answers().front().integer);
}

void Touching::command(std::size_t position, std::string& request) {
    const auto key = keys_[position];
    if (!lifetime_.is_never()) {
        append_command(request, {"PEXPIRE", key, std::to_string(milliseconds(lifetime_))});
        return;
    }
    // PERSIST alone does not tell an entry that never ends from none.
    append_command(request, {"MULTI"});
    append_command(request, {"EXISTS", key});
    append_command(request, {"PERSIST", key});
    append_command(request, {"EXEC"});
}

std::optional<Outcome> Touching::judge(std::size_t /*position*/) {
    if (!lifetime_.is_never()) {
        if (!is_integer(0)) return std::nullopt;
        return outcome_of(answers().front().integer);
    }
    const bool is_sound = is_status(0, "OK") && is_status(1, "QUEUED") && is_status(2, "QUEUED") &&
                          answers().size() == 6 && answers()[3].kind == Item::Kind::array &&
                          is_integer(4) && is_integer(5);
    if (!is_sound) return std::nullopt;
    return outcome_of(answers()[4].integer);
}

void Counting::command(std::size_t /*position*/, std::string& request) {
    append_command(request, {has_script_ ? "EVALSHA" : "EVAL",
                             has_script_ ? count_script_digest : count_script, "1", key_,
                             std::to_string(delta_)});
}

std::optional<Outcome> Counting::judge(std::size_t /*position*/) {
    const auto& heard = answers();
    if (heard.size() == 1 && heard[0].kind == Item::Kind::nil) {
        return Outcome::declined_by_backend();
    }
    if (heard.size() != 3 || heard[0].kind != Item::Kind::array || !is_integer(1) ||
        heard[2].kind != Item::Kind::text) {
        return std::nullopt;
    }
    const auto& text = heard[2].text;
    std::int64_t ignored = 0;
    if (heard[1].integer == 0) {
        // The server takes fewer spellings for numbers than `add_to_counter` does.
        auto refused = detail::add_to_counter(text, delta_, ignored);
        return refused.failed() ? std::move(refused) : Outcome{detail::not_an_integer()};
    }
    const char* const end = text.data() + text.size();
    std::int64_t sum = 0;
    const auto [stopped, error] = std::from_chars(text.data(), end, sum);
    if (error != std::errc{} || stopped != end) return std::nullopt;
    value_ = sum;
    return Outcome{};
}

std::optional<Outcome> Counting::judge_error(std::string_view error) {
    const auto code = code_of(error);
    if (code == "NOSCRIPT" && std::exchange(has_script_, false)) return ask_again();
    if (code == "WRONGTYPE") return Outcome{detail::not_an_integer()};
    return failure_of(error);
}

void Timing::command(std::size_t /*position*/, std::string& request) {
    append_command(request, {"PTTL", key_});
}

std::optional<Outcome> Timing::judge(std::size_t /*position*/) {
    constexpr std::int64_t absent = -2;
    constexpr std::int64_t endless = -1;
    if (!is_integer(0) || answers().front().integer < absent) return std::nullopt;
    const auto left = answers().front().integer;
    if (left == absent) return Outcome::declined_by_backend();
    // The last millisecond is said to be none.
    left_ = left == endless ? Lifetime{never}
                            : Lifetime{std::chrono::milliseconds{std::max<std::int64_t>(left, 1)}};
    return Outcome{};
}

void Scanning::start() noexcept {
    Commanding::start();
    keys_.clear();
}

void Scanning::command(std::size_t /*position*/, std::string& request) {
    append_command(request, {"SCAN", cursor_, "MATCH", pattern_, "COUNT", keys_per_step});
}

bool Scanning::take(const Item& item) {
    const bool is_list = item.depth == 1 && item.kind == Item::Kind::array;
    // How long it is, is of no interest: what it has is taken one by one.
    if (is_list) return Commanding::take({.kind = item.kind, .depth = 1, .text = {}});
    if (item.depth != 2) return Commanding::take(item);
    if (item.kind != Item::Kind::text || keys_.size() == most_keys_per_step) return false;
    keys_.emplace_back(item.text);
    return true;
}

std::optional<Outcome> Scanning::judge(std::size_t /*position*/) {
    const auto& heard = answers();
    const bool is_sound = heard.size() == 3 && heard[0].kind == Item::Kind::array &&
                          heard[0].integer == 2 && heard[1].kind == Item::Kind::text &&
                          is_cursor(heard[1].text) && heard[2].kind == Item::Kind::array;
    if (!is_sound) return std::nullopt;
    cursor_ = heard[1].text;
    return Outcome{};
}

void Flushing::command(std::size_t /*position*/, std::string& request) {
    // The entries are gone at once, their memory is given back in the background.
    append_command(request, {"FLUSHDB", "ASYNC"});
}

std::optional<Outcome> Flushing::judge(std::size_t /*position*/) {
    if (!is_status(0, "OK")) return std::nullopt;
    return Outcome{};
}

void Inquiring::command(std::size_t /*position*/, std::string& request) {
    append_command(request, {"INFO"});
}

std::optional<Outcome> Inquiring::judge(std::size_t /*position*/) {
    if (answers().front().kind != Item::Kind::text || answers().size() != 1) return std::nullopt;
    info_ = answers().front().text;
    return Outcome{};
}

}  // namespace cachemodel::redis
