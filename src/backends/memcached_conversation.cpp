// cachemodel: what one call has to say to one memcached server, and the answers.
// SPDX-License-Identifier: MIT
#include "backends/memcached_conversation.hpp"

#include "counter_text.hpp"
#include "net/server_text.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <limits>
#include <utility>

namespace cachemodel::memcached {

namespace {

/// The line at the front of `answer`, without its end.
std::optional<std::string_view> first_line(std::string_view answer) noexcept {
    const auto end = answer.substr(0, net::longest_line).find("\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    return answer.substr(0, end);
}

constexpr std::size_t line_end = 2;

net::Trouble refusal(std::string_view line) {
    return {net::Trouble::Kind::refused, net::presentable(line)};
}

}  // namespace

Failure value_too_large(std::size_t size, std::size_t limit) {
    return Failure{std::make_exception_ptr(ValueTooLarge{size, limit})};
}

std::uint64_t Tokens::token_of(std::uint64_t unique) const noexcept {
    const bool fits = unique < std::numeric_limits<std::uint64_t>::max() / group_;
    return fits ? unique * group_ + number_ : 0;
}

std::uint64_t Tokens::unique_of(std::uint64_t token) const noexcept {
    return token % group_ == number_ ? token / group_ : 0;
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
        if (has_answer(i)) continue;  // from a connection that then was lost
        request += ' ';
        request += keys_[position(i)];
    }
    request += "\r\n";
    return end - index;
}

net::Conversation::Heard Reading::hear(std::string_view answer) {
    const auto line = first_line(answer);
    if (!line) return Heard::more();
    if (!awaits_end_) {
        if (next_ == asked_) return Heard::nonsense();
        group_begin_ = expected_ = next_;
        group_end_ = group_end(next_);
        missing_ = group_end_ - group_begin_ - found_.count();
        awaits_end_ = true;
    }
    if (line->starts_with("VALUE ")) return hear_value(*line, answer);
    switch (parse_reply(*line)) {
        case Reply::end:
            for (auto i = next_; i < group_end_; ++i) {
                if (!has_answer(i)) sink_.absent(position(i));
            }
            end_group();
            awaits_end_ = false;
            return Heard::done(line->size() + line_end);
        case Reply::out_of_memory:
        case Reply::server_error:
            return Heard::wrong(refusal(*line));
        default:
            return Heard::nonsense();
    }
}

net::Conversation::Heard Reading::hear_value(std::string_view line, std::string_view answer) {
    const auto value_line = parse_value_line(line);
    if (!value_line) return Heard::nonsense();
    if (value_line->size > max_item_) {
        return Heard::wrong(
            {net::Trouble::Kind::unfit, "an entry of " + std::to_string(value_line->size) +
                                            " bytes, more than max_item, which is " +
                                            std::to_string(max_item_)});
    }

    const auto begin = line.size() + line_end;
    const auto size = static_cast<std::size_t>(value_line->size);
    const auto all = begin + size + line_end;
    if (answer.size() < all) return Heard::more(all);
    if (answer.substr(begin + size, line_end) != "\r\n" ||
        !take_value(value_line->key, answer.substr(begin, size), value_line->unique)) {
        return Heard::nonsense();
    }
    return Heard::done(all);
}

std::size_t Reading::find(std::string_view key) const noexcept {
    const auto is_it = [&](std::size_t i) { return keys_[position(i)] == key && !has_answer(i); };
    // Servers answer in the order of the keys; what collects from several may not.
    for (auto i = expected_; i < group_end_; ++i) {
        if (is_it(i)) return i;
    }
    for (auto i = group_begin_; i < expected_; ++i) {
        if (is_it(i)) return i;
    }
    return group_end_;
}

bool Reading::take_value(std::string_view key, std::string_view value, std::uint64_t unique) {
    const auto index = find(key);
    if (index == group_end_) return false;
    sink_.found(position(index), value, tokens_.token_of(unique));
    found_.set(index - group_begin_);
    expected_ = index + 1;
    if (--missing_ == 0) end_group();
    return true;
}

void Reading::end_group() noexcept {
    next_ = group_begin_ = expected_ = group_end_;
    found_.reset();
}

bool Reading::has_answer(std::size_t index) const noexcept {
    const auto place = index - group_begin_;
    return place < found_.size() && found_[place];
}

void Reading::fail(std::size_t position, const Failure& failure) {
    sink_.failed(position, failure);
}

std::size_t Commanding::ask(std::size_t index, std::string& request) {
    command(position(index), request);
    return 1;
}

net::Conversation::Heard Commanding::hear(std::string_view answer) {
    const auto line = first_line(answer);
    if (!line) return Heard::more();
    if (next_ == asked_) return Heard::nonsense();
    const auto reply = parse_reply(*line);
    if (reply == Reply::server_error) return Heard::wrong(refusal(*line));
    auto outcome = judge(position(next_), reply, *line);
    if (!outcome && reply == Reply::out_of_memory) {
        outcome =
            Failure{BackendFault::full, server().endpoint().name + ": " + net::presentable(*line)};
    }
    if (!outcome) return Heard::nonsense();
    this->outcome(next_++) = std::move(*outcome);
    return Heard::done(line->size() + line_end);
}

void Commanding::fail(std::size_t position, const Failure& failure) {
    outcomes_[position] = failure;
}

Storing::~Storing() {
    // All was answered but this.
    if (awaits_end_) vain_questions() += 1;
}

bool Storing::may_be_quiet() const noexcept {
    if (how_ != Store::set || count() - next_ < least_quiet) return false;
    for (auto i = next_; i < count(); ++i) {
        const auto& entry = entries_[position(i)];
        if (entry.value.size() + entry.key.size() > std::min(most_quiet, largest_)) return false;
    }
    return true;
}

void Storing::greet(bool, std::string&) {
    const bool may_be = may_be_quiet();
    is_quiet_ = may_be && dialect() == with_quiet_sets;
    asks_what_it_is_ = may_be && dialect() == unknown && vain_questions() < most_vain_questions;
    has_refused_ = false;
}

std::size_t Storing::ask(std::size_t index, std::string& request) {
    if (!is_quiet_) return Commanding::ask(index, request);
    const auto& entry = entries_[position(index)];
    append_quiet_set(request, entry, expiration(entry.lifetime, now_));
    if (index + 1 == count()) request += no_operation;
    return 1;
}

net::Conversation::Heard Storing::hear(std::string_view answer) {
    if (!is_quiet_ && !is_over()) {
        auto heard = Commanding::hear(answer);
        if (is_over() && asks_what_it_is_) ask_more(version_question);
        return heard;
    }
    const auto line = first_line(answer);
    if (!line) return Heard::more();
    return is_quiet_ ? hear_of_quiet(*line) : hear_what_it_is(*line);
}

net::Conversation::Heard Storing::hear_of_quiet(std::string_view line) {
    if (line == no_operation_done && asked_ == count()) {
        is_quiet_ = false;
        if (has_refused_) {
            asked_ = next_;
            dialect() = without_quiet_sets;  // what is refused now may well be refused again
        } else {
            for (; !is_over(); ++next_) outcome(next_) = Outcome{};
        }
        return Heard::done(line.size() + line_end);
    }
    switch (parse_reply(line)) {
        case Reply::too_large:
        case Reply::out_of_memory:
            has_refused_ = true;
            return Heard::done(line.size() + line_end);
        case Reply::server_error:
            return Heard::wrong(refusal(line));
        default:
            return Heard::nonsense();
    }
}

net::Conversation::Heard Storing::hear_what_it_is(std::string_view line) {
    auto heard = Heard::done(line.size() + line_end);
    if (const auto knows = knows_quiet_sets(line)) {
        *knows ? ask_more(settings_question) : learn(without_quiet_sets);
        return heard;
    }
    if (parse_reply(line) == Reply::end) {
        learn(has_large_chunks_ ? with_quiet_sets : without_quiet_sets);
        return heard;
    }
    const auto setting = parse_stat_line(line);
    if (!setting) return Heard::nonsense();
    if (setting->name == largest_chunk_setting) {
        has_large_chunks_ = parse_number(setting->value).value_or(0) >= least_chunk;
    }
    return heard;
}

void Storing::learn(Dialect what) {
    dialect() = what;
    vain_questions() = 0;
    awaits_end_ = false;
}

void Storing::command(std::size_t position, std::string& request) {
    const auto& entry = entries_[position];
    if (is_too_large(entry)) {
        append_delete(request, entry.key);  // what is there is out of date
    } else {
        append_store(request, how_, entry, expiration(entry.lifetime, now_),
                     tokens_.unique_of(entry.token));
    }
}

std::optional<Outcome> Storing::judge(std::size_t position, Reply reply,
                                      std::string_view /*line*/) {
    const auto& entry = entries_[position];
    if (is_too_large(entry)) {
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

std::optional<Outcome> Removing::judge(std::size_t /*position*/, Reply reply,
                                       std::string_view /*line*/) {
    if (reply == Reply::deleted) return Outcome{};
    if (reply == Reply::not_found) return Outcome::declined_by_backend();
    return std::nullopt;
}

void Touching::command(std::size_t position, std::string& request) {
    append_touch(request, keys_[position], expiration_);
}

std::optional<Outcome> Touching::judge(std::size_t /*position*/, Reply reply,
                                       std::string_view /*line*/) {
    if (reply == Reply::touched) return Outcome{};
    if (reply == Reply::not_found) return Outcome::declined_by_backend();
    return std::nullopt;
}

void Counting::command(std::size_t /*position*/, std::string& request) {
    append_count(request, key_, delta_);
}

std::optional<Outcome> Counting::judge(std::size_t /*position*/, Reply reply,
                                       std::string_view line) {
    if (reply == Reply::not_found) return Outcome::declined_by_backend();
    if (reply == Reply::not_a_number) return detail::not_an_integer();
    const auto number = parse_number(line);
    if (!number) return std::nullopt;
    // The server counts in 64 bits without a sign, and goes on at zero beyond them: only then is
    // the sum less than what was added.
    const bool has_wrapped = delta_ > 0 && *number < static_cast<std::uint64_t>(delta_);
    if (has_wrapped || *number > std::numeric_limits<std::int64_t>::max()) {
        return detail::counter_overflow();
    }
    value_ = static_cast<std::int64_t>(*number);
    return Outcome{};
}

std::size_t Inquiring::ask(std::size_t /*index*/, std::string& request) {
    request += "stats\r\n";
    return 1;
}

net::Conversation::Heard Inquiring::hear(std::string_view answer) {
    static constexpr std::array<std::string_view, 10> wanted{
        "version",        "pid",      "uptime",     "curr_items", "bytes",
        "limit_maxbytes", "get_hits", "get_misses", "evictions",  "curr_connections"};
    const auto line = first_line(answer);
    if (!line) return Heard::more();
    if (next_ == asked_) return Heard::nonsense();
    switch (parse_reply(*line)) {
        case Reply::end:
            outcomes_[position(next_++)] = Outcome{};
            return Heard::done(line->size() + line_end);
        case Reply::out_of_memory:
        case Reply::server_error:
            return Heard::wrong(refusal(*line));
        default:
            break;
    }
    const auto stat = parse_stat_line(*line);
    if (!stat) return Heard::nonsense();
    if (std::find(wanted.begin(), wanted.end(), stat->name) != wanted.end()) {
        const auto is_known = [&](const Fact& fact) {
            return fact.subject == subject_ && fact.name == stat->name;
        };
        if (std::none_of(facts_.begin(), facts_.end(), is_known)) {
            facts_.push_back({subject_, std::string{stat->name}, std::string{stat->value}});
        }
    }
    return Heard::done(line->size() + line_end);
}

void Inquiring::fail(std::size_t position, const Failure& failure) {
    outcomes_[position] = failure;
}

void Flushing::command(std::size_t /*position*/, std::string& request) {
    request += "flush_all\r\n";
}

std::optional<Outcome> Flushing::judge(std::size_t /*position*/, Reply reply,
                                       std::string_view /*line*/) {
    if (reply == Reply::ok) return Outcome{};
    return std::nullopt;
}

}  // namespace cachemodel::memcached
