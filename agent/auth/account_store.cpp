#include "agent/auth/account_store.h"

#include <algorithm>

#include "platform/files.h"

namespace petiole {

namespace {

using Token = AccountStore::Token;

constexpr std::string_view kEnding = ".jwt";

bool has_no_room(Files& files, const std::string& dir, const std::string& account,
                 std::int64_t accounts_max) {
  if (accounts_max <= 0) return false;
  const auto names = files.list(dir, kEnding);
  if (!names.ok()) return false;
  const bool known = std::find(names->begin(), names->end(), account + ".jwt") != names->end();
  return !known && static_cast<std::int64_t>(names->size()) >= accounts_max;
}

std::vector<Token> read_all(Files& files, const std::string& dir) {
  std::vector<Token> tokens;
  const auto names = files.list(dir, kEnding);
  if (!names.ok()) return tokens;
  for (const std::string& name : *names) {
    auto token = files.read(dir + "/" + name);
    if (token.ok())
      tokens.emplace_back(name.substr(0, name.size() - kEnding.size()), std::move(*token));
  }
  return tokens;
}

}  // namespace

AccountStore::AccountStore(const ResolverConfig& config, Host host)
    : config_(config),
      loop_(host.loop),
      worker_(host.worker),
      files_(config.dir.empty() ? nullptr : host.files),
      preload_(config.preload.begin(), config.preload.end()) {
  if (config.kind != ResolverConfig::Kind::kUrl) return;
  if (auto url = parse_account_url(config.url)) {
    server_ = std::make_unique<AccountServer>(std::move(*url), config.ca_file, host);
  }
}

const std::string* AccountStore::preloaded(const std::string& account) const {
  const auto found = preload_.find(account);
  return found == preload_.end() ? nullptr : &found->second;
}

template <class Work, class Done>
void AccountStore::run(Work work, Done done) {
  const std::weak_ptr<int> alive = alive_;
  worker_.run([alive, &loop = loop_, work = std::move(work), done = std::move(done)] {
    loop.post([alive, done, result = work()] {
      if (!alive.expired()) done(result);
    });
  });
}

void AccountStore::look_up(const std::string& account, Found done) {
  if (server_ && !preloaded(account)) return server_->look_up(account, std::move(done));
  if (!files_) {
    const std::string* const token = preloaded(account);
    const std::weak_ptr<int> alive = alive_;
    const auto found = token ? std::optional(*token) : std::nullopt;
    loop_.post([alive, done = std::move(done), found] {
      if (!alive.expired()) done(found);
    });
    return;
  }
  const std::string* const kept = preloaded(account);
  run(
      [files = files_, path = path(account),
       preload = kept ? std::optional(*kept) : std::nullopt]() -> std::optional<std::string> {
        auto token = files->read(path);
        if (token.ok()) return std::move(*token);
        return preload;
      },
      std::move(done));
}

void AccountStore::place(const std::string& account,
                         std::function<bool(const std::string& token)> counts, Found done) {
  run(
      [files = files_, dir = config_.dir, path = path(account), token = *preloaded(account),
       counts = std::move(counts)]() -> std::optional<std::string> {
        auto kept = files->read(path);
        if (kept.ok() && (*kept == token || counts(*kept))) return std::move(*kept);
        if (!files->make_directory(dir).ok() || !files->write(path, token).ok()) return {};
        return token;
      },
      [this, account, done = std::move(done)](const std::optional<std::string>& now) {
        if (now) preload_.erase(account);
        done(now);
      });
}

void AccountStore::save(const std::string& account, std::string token, Saved done) {
  run(
      [files = files_, dir = config_.dir, path = path(account), account,
       most = config_.accounts_max, token = std::move(token)]() -> Status {
        if (has_no_room(*files, dir, account, most)) {
          return {Errc::kTooLarge, "the store is full: see limit"};
        }
        if (const Status made = files->make_directory(dir); !made.ok()) return made;
        return files->write(path, token);
      },
      std::move(done));
}

void AccountStore::remove(const std::string& account, Saved done) {
  run(
      [files = files_, path = path(account), hard = config_.hard_delete]() -> Status {
        const auto token = files->read(path);
        if (!token.ok()) return token.status();
        if (!hard) {
          if (const Status kept = files->write(path + ".delete", *token); !kept.ok()) return kept;
        }
        files->remove(path);
        return {};
      },
      std::move(done));
}

void AccountStore::list(Listed done) {
  run(
      [files = files_, dir = config_.dir, preload = preload_] {
        std::vector<Token> tokens = files ? read_all(*files, dir) : std::vector<Token>();
        for (const auto& given : preload) {
          const auto same = [&given](const Token& each) { return each.first == given.first; };
          if (std::none_of(tokens.begin(), tokens.end(), same)) tokens.emplace_back(given);
        }
        std::sort(tokens.begin(), tokens.end());
        return tokens;
      },
      std::move(done));
}

}  // namespace petiole
