// cachemodel: questions to a Redis server and its replies, for one call.
// SPDX-License-Identifier: MIT
#include "backends/redis_exchange.hpp"

#include "backends/redis_protocol.hpp"

#include <utility>

namespace cachemodel::redis {

namespace {

/// What is kept of a reply. All of them are short, but for that to INFO.
constexpr std::size_t most_answers = 16;
constexpr std::size_t longest_answer = std::size_t{1} << 20;

/// Takes the reply to what a connection begins with: `OK`, or an error.
class GreetingSink final : public ItemSink {
 public:
    bool take(const Item& item) override {
        if (item.kind == Item::Kind::error) error_ = std::string{item.text};
        return item.kind == Item::Kind::error ||
               (item.kind == Item::Kind::status && item.text == "OK");
    }
    const std::optional<std::string>& error() const noexcept { return error_; }

 private:
    std::optional<std::string> error_;
};

}  // namespace

Failure Exchange::failure_of(std::string_view error) const {
    return Failure{fault_of(error), server().endpoint().name + ": " + presentable(error)};
}

void Exchange::greet(bool is_new, std::string& request) {
    reader_.emplace();
    greetings_ = 0;
    is_parting_ = false;
    start();
    if (!is_new) return;
    if (!login_.password.empty()) {
        if (login_.user.empty()) {
            append_command(request, {"AUTH", login_.password});
        } else {
            append_command(request, {"AUTH", login_.user, login_.password});
        }
        ++greetings_;
    }
    if (login_.database != 0) {
        append_command(request, {"SELECT", std::to_string(login_.database)});
        ++greetings_;
    }
}

net::Conversation::Heard Exchange::hear(std::string_view answer) {
    reader_->feed(answer);
    while (!is_over()) {
        // Who speaks without having been asked is out of step.
        if (greetings_ == 0 && next_ == asked_ && !reader_->is_empty()) return Heard::nonsense();
        GreetingSink greeting;
        ItemSink& sink = greetings_ == 0 ? static_cast<ItemSink&>(*this) : greeting;
        switch (reader_->next(sink)) {
            case ReplyReader::Progress::partial:
                return {answer.size(), reader_->expected(), {}};
            case ReplyReader::Progress::nonsense:
                return Heard::nonsense();
            case ReplyReader::Progress::whole:
                break;
        }
        if (greetings_ == 0) {
            if (!finish()) return Heard::nonsense();
            if (is_parting_) return Heard::wrong({net::Trouble::Kind::ended, {}});
        } else if (greeting.error()) {
            return Heard::wrong(turned_away(*greeting.error()));
        } else {
            --greetings_;
        }
    }
    if (!reader_->is_empty()) return Heard::nonsense();
    if (is_spoiled_) return Heard::wrong({net::Trouble::Kind::ended, {}});
    return Heard::done(answer.size());
}

net::Trouble Exchange::turned_away(std::string_view error) const {
    const bool is_selecting = greetings_ == 1 && login_.database != 0;
    net::Trouble trouble{net::Trouble::Kind::unwelcome, {}, fault_of(error)};
    if (trouble.fault == BackendFault::unavailable || trouble.fault == BackendFault::permission) {
        trouble.what = presentable(error);
    } else if (is_selecting && trouble.fault != BackendFault::auth) {
        trouble.fault = BackendFault::unsupported;
        trouble.what =
            "cannot select database " + std::to_string(login_.database) + ": " + presentable(error);
    } else {
        // The rest of the error may quote what was sent.
        trouble.fault = BackendFault::auth;
        trouble.what = "the server does not take the password: " + presentable(code_of(error));
    }
    return trouble;
}

std::optional<Outcome> Commanding::judge_error(std::string_view error) { return failure_of(error); }

std::size_t Commanding::ask(std::size_t index, std::string& request) {
    command(position(index), request);
    return 1;
}

bool Commanding::take(const Item& item) {
    const bool is_long_array =
        item.kind == Item::Kind::array && item.integer > static_cast<std::int64_t>(most_answers);
    if (answers_.size() == most_answers || item.text.size() > longest_answer || is_long_array) {
        return false;
    }
    if (item.kind == Item::Kind::error && !error_) error_ = std::string{item.text};
    answers_.push_back({item.kind, item.integer, std::string{item.text}});
    return true;
}

bool Commanding::finish() {
    const bool is_last_word = error_ && is_protocol_error(*error_);
    if (++finished_ < replies() && !is_last_word) return true;
    if (is_last_word) part();
    auto outcome = error_ ? judge_error(*error_) : judge(position(next_));
    forget_answers();
    if (std::exchange(is_again_, false)) {
        asked_ = next_;
        return true;
    }
    if (!outcome) return false;
    outcomes_[position(next_++)] = std::move(*outcome);
    return true;
}

void Commanding::fail(std::size_t position, const Failure& failure) {
    outcomes_[position] = failure;
}

std::optional<Outcome> Commanding::ask_again() noexcept {
    is_again_ = true;
    return std::nullopt;
}

bool Commanding::is_integer(std::size_t index) const noexcept {
    return index < answers_.size() && answers_[index].kind == Item::Kind::integer;
}

bool Commanding::is_status(std::size_t index, std::string_view text) const noexcept {
    return index < answers_.size() && answers_[index].kind == Item::Kind::status &&
           answers_[index].text == text;
}

void Commanding::forget_answers() noexcept {
    answers_.clear();
    error_.reset();
    finished_ = 0;
}

}  // namespace cachemodel::redis
