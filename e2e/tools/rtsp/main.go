// A camera for the demo and the tests: an RTSP server that wants a password (Basic or Digest) from whoever
// reads it, and to which one publisher (ffmpeg) sends what the lens would see.
package main

import (
	"flag"
	"log"
	"net"
	"os"
	"sync"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/auth"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
	"github.com/pion/rtp"
)

type camera struct {
	server         *gortsplib.Server
	user, password string
	redirect       string

	mutex     sync.RWMutex
	stream    *gortsplib.ServerStream
	publisher *gortsplib.ServerSession
}

// reply answers a reader: 401 without the password, 404 while nothing is published, else the stream.
func (c *camera) reply(conn *gortsplib.ServerConn, req *base.Request) (*base.Response, *gortsplib.ServerStream, error) {
	if !conn.VerifyCredentials(req, c.user, c.password) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	c.mutex.RLock()
	defer c.mutex.RUnlock()
	if c.stream == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *camera) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if c.redirect != "" {
		location := base.Header{"Location": base.HeaderValue{c.redirect}}
		return &base.Response{StatusCode: base.StatusFound, Header: location}, nil, nil
	}
	return c.reply(ctx.Conn, ctx.Request)
}

func (c *camera) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if ctx.Session.State() == gortsplib.ServerSessionStatePreRecord {
		return &base.Response{StatusCode: base.StatusOK}, nil, nil
	}
	return c.reply(ctx.Conn, ctx.Request)
}

func (c *camera) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func (c *camera) OnAnnounce(ctx *gortsplib.ServerHandlerOnAnnounceCtx) (*base.Response, error) {
	if from, ok := ctx.Conn.NetConn().RemoteAddr().(*net.TCPAddr); !ok || !from.IP.IsLoopback() {
		return &base.Response{StatusCode: base.StatusForbidden}, nil
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.stream != nil {
		c.stream.Close()
		c.publisher.Close()
	}
	c.stream = &gortsplib.ServerStream{Server: c.server, Desc: ctx.Description}
	if err := c.stream.Initialize(); err != nil {
		c.stream = nil
		return &base.Response{StatusCode: base.StatusBadRequest}, err
	}
	c.publisher = ctx.Session
	log.Printf("publishing: %d media", len(ctx.Description.Medias))
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func (c *camera) OnRecord(ctx *gortsplib.ServerHandlerOnRecordCtx) (*base.Response, error) {
	ctx.Session.OnPacketRTPAny(func(media *description.Media, _ format.Format, packet *rtp.Packet) {
		c.mutex.RLock()
		defer c.mutex.RUnlock()
		if c.stream != nil {
			_ = c.stream.WritePacketRTP(media, packet) // a reader that is gone is no fault of the camera
		}
	})
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func (c *camera) OnSessionClose(ctx *gortsplib.ServerHandlerOnSessionCloseCtx) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.stream != nil && ctx.Session == c.publisher {
		c.stream.Close()
		c.stream = nil
	}
}

func main() {
	address := flag.String("address", ":554", "where to listen")
	digest := flag.Bool("digest", true, "ask for Digest authentication, else for Basic")
	redirect := flag.String("redirect", "", "send every reader there instead")
	flag.Parse()

	method := auth.VerifyMethodBasic
	if *digest {
		method = auth.VerifyMethodDigestMD5
	}
	c := &camera{user: os.Getenv("CAMERA_USER"), password: os.Getenv("CAMERA_PASSWORD"), redirect: *redirect}
	c.server = &gortsplib.Server{Handler: c, RTSPAddress: *address, AuthMethods: []auth.VerifyMethod{method}}
	log.Printf("listening on %s", *address)
	log.Fatal(c.server.StartAndWait())
}
