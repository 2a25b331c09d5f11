// cachemodel: what one call has to say to one memcached server, and the answers.
// SPDX-License-Identifier: MIT
#include "backends/memcached_conversation.hpp"

#include <poll.h>

#include <algorithm>
#include <bit>
#include <exception>
#include <utility>

namespace cachemodel::memcached {

namespace {

/// Questions are written down ahead of sending up to about this many bytes.
constexpr std::size_t request_window = std::size_t{64} << 10;

/// A `gets` line stays below this: the server handles a longer one by a slower path.
constexpr std::size_t longest_command = 2000;

/// For an answer up to this size there is room as soon as its size is known.
constexpr std::size_t eager_buffer = std::size_t{1} << 20;

/// The line at the front of `answer`, without its end.
std::optional<std::string_view> first_line(std::string_view answer) noexcept {
    const auto end = answer.substr(0, longest_line).find("\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    return answer.substr(0, end);
}

constexpr std::size_t line_end = 2;

}  // namespace

Failure value_too_large(std::size_t size, std::size_t limit) {
    return Failure{std::make_exception_ptr(ValueTooLarge{size, limit})};
}

bool Conversation::begin(TimePoint deadline, TimePoint now) {
    switch (server_.borrow(lease_, is_second_try_, deadline)) {
        case Server::Admission::busy:
            return false;
        case Server::Admission::down:
            fail_rest(BackendFault::unavailable,
                      "not asked, it failed a short while ago: " + server_.last_trouble());
            return true;
        case Server::Admission::granted:
            break;
    }
    asked_ = next_;
    awaits_end_ = false;
    advance(0, now);
    return true;
}

short Conversation::events() noexcept {
    const auto& connection = lease_.connection();
    const bool has_more = connection.is_open() && asked_ < count();
    return static_cast<short>(connection.events() | (has_more ? POLLOUT : 0));
}

TimePoint Conversation::wakes_at(TimePoint deadline) noexcept {
    const auto& connection = lease_.connection();
    return connection.is_open() ? deadline : std::min(deadline, connection.wakes_at());
}

void Conversation::advance(short ready, TimePoint now) {
    std::optional<Trouble> trouble;
    if (converse(ready, now, trouble)) {
        // Bytes beyond the last answer, or an answer that came before its question was sent: such a
        // connection is out of step.
        if (lease_.connection().is_settled()) {
            lease_.give_back(Health::answered);
        } else {
            lease_.drop(Health::answered);
        }
    } else if (trouble) {
        give_up(*trouble);
    }
}

bool Conversation::converse(short ready, TimePoint now, std::optional<Trouble>& trouble) {
    auto& connection = lease_.connection();
    if (!connection.is_open()) {
        trouble = connection.connect(ready != 0, now);
        if (trouble || !connection.is_open()) return false;
        ready = 0;
    }
    return speak(trouble) && (ready & (POLLIN | POLLHUP | POLLERR)) != 0 && listen(trouble);
}

bool Conversation::speak(std::optional<Trouble>& trouble) {
    auto& connection = lease_.connection();
    auto& request = connection.request();
    // One windowful at a time: between them the deadline is looked at and answers are read.
    while (asked_ < count() && request.size() < request_window) {
        asked_ += ask(asked_, request);
    }
    trouble = connection.send();
    return !trouble;
}

bool Conversation::listen(std::optional<Trouble>& trouble) {
    auto& connection = lease_.connection();
    trouble = connection.receive();
    if (trouble) return false;
    while (!is_over() || awaits_end_) {
        const auto answer = connection.answer();
        auto heard = hear(answer);
        if (heard.used == 0 && heard.expected == 0 && answer.size() >= longest_line) {
            heard.trouble = Trouble::Kind::nonsense;
        }
        if (heard.trouble) {
            trouble = Trouble{*heard.trouble,
                              *heard.trouble == Trouble::Kind::refused
                                  ? "the server says: " + std::string{first_line(answer).value()}
                                  : "an answer that makes no sense"};
            return false;
        }
        if (heard.used == 0) {
            // Room for what has come and as much again: a size that is only announced costs
            // nothing.
            const auto room = std::max(eager_buffer, 2 * std::bit_ceil(answer.size()));
            connection.reserve_answer(std::min(heard.expected, room));
            return false;
        }
        connection.consume(heard.used);
    }
    return true;
}

void Conversation::give_up(const Trouble& trouble) {
    const bool try_again = trouble.kind == Trouble::Kind::lost && !is_over() && lease_.was_idle() &&
                           !is_second_try_ && is_repeatable();
    switch (trouble.kind) {
        case Trouble::Kind::unreachable:
        case Trouble::Kind::slow:
            server_.remember_trouble(trouble.what);
            lease_.drop(Health::unreachable);
            break;
        case Trouble::Kind::lost:
        case Trouble::Kind::refused:
        case Trouble::Kind::nonsense:
            lease_.drop(Health::undecided);
            break;
    }
    if (try_again) {
        is_second_try_ = true;  // whoever drives this conversation begins it again
        return;
    }
    switch (trouble.kind) {
        case Trouble::Kind::unreachable:
        case Trouble::Kind::refused:
        case Trouble::Kind::lost:
            fail_rest(BackendFault::unavailable, trouble.what);
            break;
        case Trouble::Kind::nonsense:
            fail_rest(BackendFault::protocol, trouble.what);
            break;
        case Trouble::Kind::slow:
            fail_rest(BackendFault::timeout, trouble.what);
            break;
    }
}

void Conversation::run_out_of_time(std::chrono::nanoseconds allowed, Delay delay) {
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(allowed);
    const auto limit = " within " + std::to_string(milliseconds.count()) + " ms";
    if (!lease_.is_held()) {
        fail_rest(BackendFault::timeout, "no free connection" + limit);
        return;
    }
    const auto what = "no complete answer" + limit;
    const bool has_begun = lease_.connection().has_received();
    auto health = has_begun ? Health::stalled : Health::unreachable;
    // A server that was merely looked at too late is not to blame.
    if (delay == Delay::caller || (delay == Delay::slow && !has_begun)) health = Health::undecided;
    if (health != Health::undecided) server_.remember_trouble(what);
    lease_.drop(health);
    fail_rest(BackendFault::timeout, what);
}

void Conversation::fail_rest(BackendFault fault, const std::string& what) {
    if (is_over()) return;
    const Failure failure{fault, server().endpoint().name + ": " + what};
    while (!is_over()) fail(position(next_++), failure);
}

std::size_t Reading::group_end(std::size_t index) const noexcept {
    std::size_t size = 0;
    do {
        size += keys_[position(index)].size() + 1;
        ++index;
    } while (index < count() && size + keys_[position(index)].size() < longest_command);
    return index;
}

std::size_t Reading::ask(std::size_t index, std::string& request) {
    const auto end = group_end(index);
    request += "gets";
    for (auto i = index; i < end; ++i) {
        request += ' ';
        request += keys_[position(i)];
    }
    request += "\r\n";
    return end - index;
}

Conversation::Heard Reading::hear(std::string_view answer) {
    const auto line = first_line(answer);
    if (!line) return Heard::more();
    if (!awaits_end_) {
        if (next_ == asked_) return Heard::wrong(Trouble::Kind::nonsense);
        group_end_ = group_end(next_);
        awaits_end_ = true;
    }
    switch (parse_reply(*line)) {
        case Reply::end:
            while (next_ < group_end_) sink_.absent(position(next_++));
            awaits_end_ = false;
            return Heard::done(line->size() + line_end);
        case Reply::out_of_memory:
        case Reply::server_error:
            return Heard::wrong(Trouble::Kind::refused);
        default:
            return hear_value(*line, answer);
    }
}

Conversation::Heard Reading::hear_value(std::string_view line, std::string_view answer) {
    const auto value_line = parse_value_line(line);
    if (!value_line || value_line->size > largest_item)
        return Heard::wrong(Trouble::Kind::nonsense);

    const auto begin = line.size() + line_end;
    const auto size = static_cast<std::size_t>(value_line->size);
    const auto all = begin + size + line_end;
    if (answer.size() < all) return Heard::more(all);
    if (answer.substr(begin + size, line_end) != "\r\n" ||
        !take_value(value_line->key, answer.substr(begin, size), value_line->unique)) {
        return Heard::wrong(Trouble::Kind::nonsense);
    }
    return Heard::done(all);
}

bool Reading::take_value(std::string_view key, std::string_view value, std::uint64_t unique) {
    // Answers come in the order of the keys: those passed over are not there.
    auto index = next_;
    while (index < group_end_ && keys_[position(index)] != key) ++index;
    if (index == group_end_) return false;
    while (next_ < index) sink_.absent(position(next_++));
    sink_.found(position(next_++), value, server().token_of(unique));
    return true;
}

void Reading::fail(std::size_t position, const Failure& failure) {
    sink_.failed(position, failure);
}

std::size_t Commanding::ask(std::size_t index, std::string& request) {
    command(position(index), request);
    return 1;
}

Conversation::Heard Commanding::hear(std::string_view answer) {
    const auto line = first_line(answer);
    if (!line) return Heard::more();
    if (next_ == asked_) return Heard::wrong(Trouble::Kind::nonsense);
    const auto reply = parse_reply(*line);
    if (reply == Reply::server_error) return Heard::wrong(Trouble::Kind::refused);
    auto outcome = judge(position(next_), reply);
    if (!outcome && reply == Reply::out_of_memory) {
        outcome = Failure{BackendFault::full,
                          server().endpoint().name + ": the server says: " + std::string{*line}};
    }
    if (!outcome) return Heard::wrong(Trouble::Kind::nonsense);
    outcomes_[position(next_++)] = std::move(*outcome);
    return Heard::done(line->size() + line_end);
}

void Commanding::fail(std::size_t position, const Failure& failure) {
    outcomes_[position] = failure;
}

void Storing::command(std::size_t position, std::string& request) {
    const auto& entry = entries_[position];
    if (entry.value.size() + entry.key.size() > largest_) {
        append_delete(request, entry.key);  // what is there is out of date
    } else {
        append_store(request, how_, entry, expiration(entry.lifetime, now_),
                     server().unique_of(entry.token));
    }
}

std::optional<Outcome> Storing::judge(std::size_t position, Reply reply) {
    const auto& entry = entries_[position];
    if (entry.value.size() + entry.key.size() > largest_) {
        if (reply == Reply::deleted || reply == Reply::not_found) {
            return value_too_large(entry.value.size(), largest_ - entry.key.size());
        }
        return std::nullopt;
    }
    if (reply == Reply::stored) return Outcome{};
    if (reply == Reply::too_large) {
        // A server with a smaller limit than it was said to have; it does not tell which.
        return value_too_large(entry.value.size(),
                               std::max<std::size_t>(entry.value.size(), 1) - 1);
    }
    const bool declined =
        (how_ == Store::add && reply == Reply::not_stored) ||
        (how_ == Store::compare_and_set && (reply == Reply::exists || reply == Reply::not_found));
    if (declined) return Outcome::declined_by_backend();
    return std::nullopt;
}

void Removing::command(std::size_t position, std::string& request) {
    append_delete(request, keys_[position]);
}

std::optional<Outcome> Removing::judge(std::size_t /*position*/, Reply reply) {
    if (reply == Reply::deleted) return Outcome{};
    if (reply == Reply::not_found) return Outcome::declined_by_backend();
    return std::nullopt;
}

void Touching::command(std::size_t position, std::string& request) {
    append_touch(request, keys_[position], expiration_);
}

std::optional<Outcome> Touching::judge(std::size_t /*position*/, Reply reply) {
    if (reply == Reply::touched) return Outcome{};
    if (reply == Reply::not_found) return Outcome::declined_by_backend();
    return std::nullopt;
}

void Flushing::command(std::size_t /*position*/, std::string& request) {
    request += "flush_all\r\n";
}

std::optional<Outcome> Flushing::judge(std::size_t /*position*/, Reply reply) {
    if (reply == Reply::ok) return Outcome{};
    return std::nullopt;
}

}  // namespace cachemodel::memcached
